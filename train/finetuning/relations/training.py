"""Training of a model that tells relations: a classifier of texts in which two parts are marked."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pipeline.config.tasks.relate import RelateConfig
from train.finetuning.base_model import BaseModel
from train.finetuning.data import Splits
from train.finetuning.examples import LabelExamples
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.head import ModelWithHead
from train.finetuning.head_training import HeadTraining
from train.finetuning.labels import LabelSet, label_names
from train.finetuning.limits import longest
from train.finetuning.pooling import BY_READING
from train.finetuning.relations.loading import MARKS, related_on
from train.finetuning.relations.markers import HEAD, TAIL, encode_marked, with_markers
from train.finetuning.relations.rows import Relation
from train.finetuning.text_ids import pad_id
from train.models import Body


class RelationTraining(HeadTraining[LabelExamples]):
    """Raises: UserError: where an example has a relation that is not trained on, or there is only one."""

    advice: ClassVar[dict[str, str]] = {
        "cut_texts": "{}: the text is longer than the context, and lost what is far from its two parts"
    }
    shortened: ClassVar[frozenset[str]] = frozenset({"cut_texts"})

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

    def model_on(self, body: Body) -> ModelWithHead:
        return related_on(body, self.head_facts())

    def head_facts(self) -> dict[str, Any]:
        names = self.labels.names
        if self.pooling == "markers":
            return {"labels": names, MARKS: self._marks()}
        return {"labels": names, "pooling": self.pooling, "kind": "single"}

    def _marks(self) -> list[int]:
        """The markers that have seen most of their part."""
        closing = self.base.config.reading == "left_to_right"
        known = self.base.tokenizer.get_vocab()
        return [known[markers[closing]] for markers in (HEAD, TAIL)]

    def description(self) -> TaskFacts:
        return {
            "labels": self.labels.names,
            "max_length": self.length,
            "no_relation": self.settings.no_relation,
            "pooling": self.pooling,
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
