"""A classifier as it is exported: one of transformers' `…ForSequenceClassification`."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pipeline.config.tasks.classify import LabelKind
from train.exporting.head import class_with_head
from train.finetuning.classifier import Classifier, load_classifier
from train.finetuning.trained_with_head import TrainedWithHead
from train.models import ConfigFields

PROBLEMS: dict[LabelKind, str] = {
    "single": "single_label_classification",
    "multi": "multi_label_classification",
    "regression": "regression",
}
"""How transformers calls them; it chooses by that how its pipeline makes scores of logits."""


class TrainedClassifier(TrainedWithHead):
    auto_class: ClassVar[str] = "AutoModelForSequenceClassification"

    def reload(self, artifact: Path) -> Classifier:
        return load_classifier(artifact)

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        return [ids[:window] for ids in texts[:most]]

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths).float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        if self.model.pooling not in self.body.exported_poolings:
            return None
        labels = self.model.labels
        return fields | {
            # Which ModernBERT's class reads.
            "classifier_pooling": "mean" if self.model.pooling == "mean" else "cls",
            "architectures": [class_with_head(fields, "ForSequenceClassification")],
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
            "problem_type": PROBLEMS[self.model.kind],
        }
