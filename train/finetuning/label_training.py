"""Training of a classifier."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pipeline.config.tasks.classify import ClassifyConfig
from train.finetuning.augmented import augmented
from train.finetuning.base_model import BaseModel
from train.finetuning.classifier import Classifier
from train.finetuning.data import Splits
from train.finetuning.examples import LabelExamples, encode_labels
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.head_training import HeadTraining
from train.finetuning.label_rows import LabelledText, check_pairs
from train.finetuning.labels import find_labels, label_weights
from train.finetuning.limits import longest
from train.finetuning.pooling import BY_READING
from train.models import Body


class LabelTraining(HeadTraining[LabelExamples]):
    """Raises: UserError: where an example has a label that is not trained on, or there is only one."""

    advice: ClassVar[dict[str, str]] = {
        "cut_texts": "{}: the text is longer than the context and lost its end"
    }
    shortened: ClassVar[frozenset[str]] = frozenset({"cut_texts"})

    def __init__(self, settings: ClassifyConfig, base: BaseModel, splits: Splits):
        super().__init__(base, splits)
        check_pairs(labelled([*splits.train, *splits.validation, *splits.test]))
        self.pooling = settings.pooling or BY_READING[base.config.reading]
        self.labels = find_labels(labelled(splits.train), settings)
        length = longest(settings, base.config, base.name)
        copies = augmented(labelled(splits.train), settings.augmentation)
        self.copies = len(copies)
        self.train = encode_labels([*labelled(splits.train), *copies], self.labels, base.tokenizer, length)
        self.validation = encode_labels(labelled(splits.validation), self.labels, base.tokenizer, length)
        self.labels.targets(splits.test)  # a wrong label is told now, not in evaluate
        self.weights = label_weights(self.labels, self.train.targets, settings)

    def model_on(self, body: Body) -> Classifier:
        return Classifier(body, self.labels.names, self.pooling, self.labels.kind, self.weights)

    def head_facts(self) -> dict[str, Any]:
        return {"labels": self.labels.names, "pooling": self.pooling, "kind": self.labels.kind}

    def description(self) -> TaskFacts:
        """`usual` is what evaluation compares with: the most frequent label, or set of labels, or the mean."""
        labels, examples = self.labels, self.splits.train
        facts = {"labels": labels.names, "kind": labels.kind, "max_length": self.train.context}
        if labels.kind == "regression":
            return facts | {"usual": float(self.train.targets.mean())}
        counts = Counter(tuple(sorted(labels.of(example))) for example in examples)
        return facts | {"usual": list(min(counts, key=lambda row: (-counts[row], row)))}

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        return [self._row(example) for example in labelled(examples)]

    def _row(self, example: LabelledText) -> TestRow:
        row: TestRow = {"text": example.source}
        if example.second is not None:
            row["second"] = example.second
        labels = self.labels
        if labels.kind == "regression":
            return row | {"value": labels.number(example)}
        names = labels.of(example)
        return row | ({"label": names[0]} if labels.kind == "single" else {"labels": names})

    def counts(self) -> dict[str, int]:
        pairs = sum(example.second is not None for example in labelled(self.splits.train))
        counts = {"labels": len(self.labels.names), "cut_texts": self.train.cut_texts}
        counts |= {"augmented": self.copies} if self.copies else {}
        return counts | ({"pairs": pairs} if pairs else {})


def labelled(examples: object) -> list[LabelledText]:
    """The examples as the task's `read_examples` gives them."""
    return cast(list[LabelledText], examples)
