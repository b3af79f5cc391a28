"""Training of a model that tells relations: a classifier of texts in which two parts are marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from torch import Tensor

from pipeline.config.tasks.relate import RelateConfig
from pipeline.formats.tokenizers import tokenizer_hash
from train.finetuning.base_model import BaseModel
from train.finetuning.classifier import Classifier, save_classifier
from train.finetuning.data import Splits
from train.finetuning.examples import LabelExamples
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.labels import LabelSet, label_names
from train.finetuning.limits import longest
from train.finetuning.pooling import BY_READING
from train.finetuning.relations.markers import encode_marked, with_markers
from train.finetuning.relations.rows import Relation
from train.finetuning.text_ids import pad_id
from train.finetuning.training import TaskTraining
from train.models import as_body


class RelationTraining(TaskTraining[LabelExamples]):
    """Raises: UserError: where an example has a relation that is not trained on, or there is only one."""

    advice: ClassVar[dict[str, str]] = {
        "cut_texts": "{}: the text is longer than the context, and lost what is far from its two parts"
    }

    def __init__(self, settings: RelateConfig, base: BaseModel, splits: Splits):
        super().__init__(with_markers(base), splits)
        self.settings = settings
        self.pooling = settings.pooling or BY_READING[base.config.reading]
        self.length = longest(settings, base.config, base.name)
        self.labels = LabelSet("single", label_names(splits.train))
        self.train = self._encode(_relations(splits.train))
        self.validation = self._encode(_relations(splits.validation))
        self.labels.targets(splits.test)  # a wrong label is told now, not in evaluate

    def _encode(self, relations: Sequence[Relation]) -> LabelExamples:
        tokenizer = self.base.tokenizer
        encoded = encode_marked(relations, tokenizer, self.length)
        targets = self.labels.targets(relations)
        return LabelExamples(encoded.input_ids, targets, pad_id(tokenizer), self.length, encoded.cut)

    def new_model(self) -> Classifier:
        return Classifier(as_body(self.base.load()), self.labels.names, self.pooling)

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base = self.base
        facts = {"pooling": self.pooling, "kind": "single", "tokenizer": tokenizer_hash(artifact)}
        save_classifier(artifact, state, base.config, base.vocab_size, self.labels.names, **facts)

    def description(self) -> TaskFacts:
        return {
            "labels": self.labels.names,
            "max_length": self.length,
            "no_relation": self.settings.no_relation,
        }

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        return [
            {"text": row.source, "head": row.head, "tail": row.tail, "label": row.targets[0]}
            for row in _relations(examples)
        ]

    def counts(self) -> dict[str, int]:
        return {"labels": len(self.labels.names), "cut_texts": self.train.cut_texts}


def _relations(examples: object) -> list[Relation]:
    return cast(list[Relation], examples)  # as the task's `read_examples` gives them
