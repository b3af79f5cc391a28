"""Training of tasks whose model writes a response to a prompt."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from torch import nn

from pipeline.config.tasks import FinetuneConfig
from train.finetuning.base_model import BaseModel
from train.finetuning.chat import PromptFormat, find_stops
from train.finetuning.data import Example, Splits
from train.finetuning.examples import ResponseExamples, encode_responses
from train.finetuning.facts import KNOWN_ANSWERS, TaskFacts, TestRow
from train.finetuning.limits import longest
from train.finetuning.training import TaskTraining, TokenizedExamples
from train.generation.samples import Sampler, sample_texts
from train.models import TrainableModel, WritingModel, as_writing_model
from train.models.weights import Weights

SAMPLES = 2
"""Validation prompts that the model answers while it trains."""


class AnsweredExamples(TokenizedExamples, Protocol):
    """Prompts with what is to be written."""

    @property
    def cut_prompts(self) -> int:
        """Examples whose prompt lost its first turns, or its middle."""

    @property
    def cut_responses(self) -> int:
        """Examples that lost the end of what is to be written."""


E = TypeVar("E", bound=AnsweredExamples)


class TextTraining(TaskTraining[E]):
    """What all of them share; they differ in their examples."""

    advice: ClassVar[dict[str, str]] = {
        "cut_prompts": "{}: the prompt is too long for the model's context and lost its first turns, or, being one "
        "turn, its middle",
        "cut_responses": "{}: the response is too long for the context beside its prompt, and lost its end",
        "cut_answers": "{}: the response holds the text that ends an answer, and would be cut there; make that text "
        "a special token of the tokenizer",
    }
    shortened: ClassVar[frozenset[str]] = frozenset({"cut_prompts", "cut_responses"})

    def __init__(self, settings: FinetuneConfig, base: BaseModel, splits: Splits, form: PromptFormat):
        super().__init__(base, splits)
        self.form, self.stops = form, find_stops(form)
        self.length = longest(settings, base.config, base.name)
        self.train = self.encode(splits.train)
        self.validation = self.encode(splits.validation)

    @abstractmethod
    def encode(self, examples: list[Example]) -> E:
        """The examples as tensors, of `length` tokens at most."""

    def starting_model(self, ranks: int) -> tuple[TrainableModel, Weights | None]:
        return self.base.by_layer(ranks) or super().starting_model(ranks)

    def language_model(self, model: nn.Module) -> WritingModel:
        """What writes texts, of the model in training."""
        return as_writing_model(model)

    def description(self) -> TaskFacts:
        return {
            "template": self.form.template,
            "stop_token_ids": self.stops.ids,
            "stop_strings": self.stops.texts,
        }

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        return [
            {"prompt": self.form.prompt(e.prompt), "references": list(e.targets), "source": e.source}
            for e in examples
        ]

    def counts(self) -> dict[str, int]:
        targets = (e.targets[0] for e in self.splits.train)
        return {
            "cut_prompts": self.train.cut_prompts,
            "cut_responses": self.train.cut_responses,
            KNOWN_ANSWERS: self.splits.known_answers(),
            "cut_answers": sum(self.stops.cut_text(target) != target for target in targets),
        }

    def sampler(self, seed: int) -> Sampler:
        sources = [e.prompt for e in self.splits.validation[:SAMPLES]]
        prompts = list(zip(map(self.form.shown, sources), self.form.prompt_ids(sources), strict=True))
        return lambda model: sample_texts(
            self.language_model(model), self.base.tokenizer, prompts, seed, self.stops
        )


class ResponseTraining(TextTraining[ResponseExamples]):
    """The loss is on the response alone."""

    def encode(self, examples: list[Example]) -> ResponseExamples:
        return encode_responses(examples, self.form, self.length)
