"""The fine-tuning tasks: which examples, which model, and what the artifact says of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pipeline.config.training import FinetuneConfig
from pipeline.formats.tokenizers import tokenizer_hash
from train.checkpoints.final_model import save_model
from train.finetuning.base_model import BaseModel
from train.finetuning.chat import TextFormat, find_stops, prompt_format, set_chat_template
from train.finetuning.classifier import Classifier, save_classifier
from train.finetuning.data import Splits
from train.finetuning.examples import encode_labels, encode_responses
from train.finetuning.labels import label_names
from train.finetuning.limits import check_family, longest
from train.generation.samples import sample_texts
from train.models import LanguageModel
from train.models.decoder.model import Decoder

SAMPLES = 2
"""Validation prompts that the model answers while it trains."""


class TextTask:
    """`instruct` and `seq2seq`: the model writes a response to a prompt."""

    def __init__(self, settings: FinetuneConfig, base: BaseModel, splits: Splits):
        self.settings, self.base, self.splits = settings, base, splits
        if settings.task == "instruct":
            set_chat_template(base.tokenizer)
        self.form = prompt_format(settings.task, base.tokenizer, settings.prompt_template)
        self.stops = find_stops(self.form)
        length = longest(settings, base.config, base.name)
        self.train = encode_responses(splits.train, self.form, length)
        self.validation = encode_responses(splits.validation, self.form, length)

    def new_model(self) -> LanguageModel:
        return self.base.load()

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base = self.base
        facts = {"tokenizer": tokenizer_hash(artifact), "eos_id": base.tokenizer.eos_token_id}
        save_model(artifact, state, base.config, base.vocab_size, **facts)

    def description(self) -> dict[str, Any]:
        """The task's own part of `task.json`."""
        template = (
            self.form.template if isinstance(self.form, TextFormat) else self.base.tokenizer.chat_template
        )
        return {
            "template": template,
            "stop_token_ids": self.stops.ids,
            "stop_strings": self.stops.texts,
        }

    def test_rows(self) -> list[dict[str, Any]]:
        return [
            {"prompt": self.form.prompt(e.source), "references": list(e.targets), "source": e.source}
            for e in self.splits.test
        ]

    def counts(self) -> dict[str, int]:
        targets = (e.targets[0] for e in self.splits.train)
        return {
            "cut_prompts": self.train.cut_prompts,
            "cut_responses": self.train.cut_responses,
            "cut_answers": sum(self.stops.cut_text(target) != target for target in targets),
        }

    def sampler(self, seed: int) -> Callable[[Any], list[tuple[str, str]]]:
        sources = [e.source for e in self.splits.validation[:SAMPLES]]
        prompts = list(zip(map(self.form.prompt, sources), self.form.prompt_ids(sources), strict=True))
        return lambda module: sample_texts(module.model, self.base.tokenizer, prompts, seed, self.stops)


class LabelTask:
    """`classify`: the model gives a text one of the labels.

    Raises:
        UserError: where the base model is none of our decoder's layouts, or the labels are of no use.
    """

    def __init__(self, settings: FinetuneConfig, base: BaseModel, splits: Splits):
        check_family(base.config, base.name)
        self.base, self.splits = base, splits
        self.labels = label_names(splits.train)
        length = longest(settings, base.config, base.name)
        self.train = encode_labels(splits.train, self.labels, base.tokenizer, length)
        self.validation = encode_labels(splits.validation, self.labels, base.tokenizer, length)
        encode_labels(
            splits.test, self.labels, base.tokenizer, length
        )  # a wrong label is told now, not in evaluate

    def new_model(self) -> nn.Module:
        backbone = self.base.load()
        assert isinstance(backbone, Decoder)
        return Classifier(backbone, self.labels)

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base = self.base
        save_classifier(
            artifact, state, base.config, base.vocab_size, self.labels, tokenizer=tokenizer_hash(artifact)
        )

    def description(self) -> dict[str, Any]:
        """The task's own part of `task.json`."""
        return {"labels": self.labels, "max_length": self.train.context}

    def test_rows(self) -> list[dict[str, Any]]:
        return [{"text": e.source, "label": e.targets[0]} for e in self.splits.test]

    def counts(self) -> dict[str, int]:
        return {"labels": len(self.labels), "cut_texts": self.train.cut_texts}

    def sampler(self, seed: int) -> None:
        """A classifier writes no text."""


FinetuneTask = TextTask | LabelTask


def build_task(settings: FinetuneConfig, base: BaseModel, splits: Splits) -> FinetuneTask:
    return (LabelTask if settings.task == "classify" else TextTask)(settings, base, splits)
