"""Training of a classifier."""

from pathlib import Path
from typing import ClassVar

from torch import Tensor

from pipeline.config.tasks.classify import ClassifyConfig
from pipeline.formats.tokenizers import tokenizer_hash
from train.finetuning.base_model import BaseModel
from train.finetuning.classifier import Classifier, save_classifier
from train.finetuning.data import Splits
from train.finetuning.examples import LabelExamples, encode_labels
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.labels import label_names
from train.finetuning.limits import longest
from train.finetuning.pooling import BY_READING
from train.finetuning.training import TaskTraining
from train.models import as_body


class LabelTraining(TaskTraining[LabelExamples]):
    """Raises: UserError: where an example has a label that is not trained on, or there is only one."""

    advice: ClassVar[dict[str, str]] = {
        "cut_texts": "{}: the text is longer than the context and lost its end"
    }

    def __init__(self, settings: ClassifyConfig, base: BaseModel, splits: Splits):
        super().__init__(base, splits)
        self.pooling = settings.pooling or BY_READING[base.config.reading]
        self.labels = label_names(splits.train)
        length = longest(settings, base.config, base.name)
        self.train = encode_labels(splits.train, self.labels, base.tokenizer, length)
        self.validation = encode_labels(splits.validation, self.labels, base.tokenizer, length)
        # A wrong label is told now, not in evaluate.
        encode_labels(splits.test, self.labels, base.tokenizer, length)

    def new_model(self) -> Classifier:
        return Classifier(as_body(self.base.load()), self.labels, self.pooling)

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base = self.base
        facts = {"pooling": self.pooling, "tokenizer": tokenizer_hash(artifact)}
        save_classifier(artifact, state, base.config, base.vocab_size, self.labels, **facts)

    def description(self) -> TaskFacts:
        return {"labels": self.labels, "max_length": self.train.context}

    def test_rows(self) -> list[TestRow]:
        return [{"text": e.source, "label": e.targets[0]} for e in self.splits.test]

    def counts(self) -> dict[str, int]:
        return {"labels": len(self.labels), "cut_texts": self.train.cut_texts}
