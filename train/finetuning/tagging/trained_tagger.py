"""A tagger as it is exported: one of transformers' `…ForTokenClassification`."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from train.exporting.head import class_with_head
from train.finetuning.tagging.tagger import Tagger, load_tagger
from train.finetuning.trained_with_head import TrainedTokenHead
from train.models import ConfigFields


class TrainedTagger(TrainedTokenHead):
    auto_class: ClassVar[str] = "AutoModelForTokenClassification"

    def reload(self, artifact: Path) -> Tagger:
        return load_tagger(artifact)

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths=lengths).float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        if self.names is None:
            return None
        labels = self.model.labels
        return fields | {
            "architectures": [class_with_head(fields, "ForTokenClassification")],
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
        }
