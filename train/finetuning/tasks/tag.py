"""A tag for each word: a new output layer for a hidden state of each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pipeline.config.models import ModelConfig
from pipeline.formats.rows import RowSource
from train.finetuning.bases import check_body
from train.finetuning.data import Example, Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.head_task import HeadTask
from train.finetuning.tagging.rows import read_tagged
from train.finetuning.tagging.sentences import TaggedSentence
from train.finetuning.tagging.tag_set import count_flaws, find_tags

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from train.finetuning.base_model import BaseModel
    from train.finetuning.tagging.tagger import Tagger
    from train.finetuning.tagging.trained_tagger import TrainedTagger
    from train.finetuning.tagging.training import TagTraining
    from train.models import Body

SHOWN = 12
"""Tags that are named before training."""


class Tag(HeadTask):
    """Tags are the texts that stand in the training examples; those of entities are completed to their scheme."""

    evaluation: ClassVar[str] = "eval.tasks.tags"

    def read_examples(
        self, path: RowSource, settings: Any, unread: Counter[str] | None = None
    ) -> list[Example]:
        return list(read_tagged(path, settings.data, Counter() if unread is None else unread))

    def describe_examples(self, settings: Any, splits: Splits) -> str:
        sentences = {
            split: cast(Sequence[TaggedSentence], getattr(splits, split))
            for split in ("train", "validation", "test")
        }
        tags = find_tags(sentences["train"], settings)
        broken = {name: count_flaws(rows, tags.scheme, settings.strict) for name, rows in sentences.items()}
        tags.ids_of_all([*sentences["validation"], *sentences["test"]])
        more = f" and {len(tags.labels) - SHOWN} more" if len(tags.labels) > SHOWN else ""
        told = f"scheme {tags.scheme.name}; tags: {', '.join(tags.labels[:SHOWN])}{more}"
        mended = ", ".join(f"{count:,} of {name}" for name, count in broken.items() if count)
        return told + (f"; tags that break the scheme are mended in {mended}" if mended else "")

    def check_base(self, model: ModelConfig, name: str) -> None:
        check_body(model, "finetune.task=tag", name, ("left_to_right", "bidirectional"))

    def training(self, settings: Any, base: "BaseModel", splits: Splits) -> "TagTraining":
        from train.finetuning.tagging.training import TagTraining

        self.check_base(base.config, base.name)
        return TagTraining(settings, base, splits)

    def model_on(self, body: "Body", description: Mapping[str, Any]) -> "Tagger":
        from train.finetuning.tagging.tagger import Tagger

        return Tagger(body, description["tags"])

    def load_model(self, artifact: "Path", device: "str | torch.device" = "cpu") -> "Tagger":
        from train.finetuning.tagging.tagger import load_tagger

        return load_tagger(artifact, device)

    def trained_model(self, artifact: "Path", facts: TaskFacts) -> "TrainedTagger":
        from pipeline.formats.tokenizers import load_tokenizer
        from train.exporting.card import Card
        from train.exporting.usage import tag_words
        from train.finetuning.tagging.trained_tagger import TrainedTagger

        card = Card(
            "A language model fine-tuned to tag words.",
            "lm-workflow",
            tag_words(facts["at"]),
            pipeline_tag="token-classification",
            notes=(f"Tags: {', '.join(facts['labels'])}. A word's tag is given at its {facts['at']} token.",),
        )
        return TrainedTagger(artifact, self.load_model(artifact), load_tokenizer(artifact), card, facts)


TASK = Tag()
