"""A tagger as it is exported: one of transformers' `…ForTokenClassification`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pipeline.context import Context
from train.checkpoints.final_model import described_model
from train.exporting.head import class_with_head, rename
from train.exporting.trained_model import TrainedModel
from train.finetuning.artifact import read_test_rows
from train.finetuning.tagging.tagger import Tagger, load_tagger
from train.models import ConfigFields, TrainableModel, family


class TrainedTagger(TrainedModel):
    auto_class: ClassVar[str] = "AutoModelForTokenClassification"
    writes: ClassVar[bool] = False

    @property
    def body(self) -> TrainableModel:
        return self.model.backbone

    def reload(self, artifact: Path) -> Tagger:
        return load_tagger(artifact)

    def texts(self, context: Context, most: int) -> list[str]:
        """The test examples' texts: a folder that is fine-tuned may come without a corpus."""
        return [row["text"] for row in read_test_rows(self.artifact, most)]

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        """All of one length: of padding no logits are compared."""
        kept = [ids for ids in texts if ids][:most]
        shortest = min(window, min(map(len, kept)))
        return [ids[:shortest] for ids in kept]

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths=lengths).float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        if self._names is None:
            return None
        labels = self.model.labels
        return fields | {
            "architectures": [class_with_head(fields, "ForTokenClassification")],
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
        }

    def finish_weights(self, weights: Path) -> None:
        rename(weights, self._names)

    @property
    def _names(self) -> Mapping[str, str] | None:
        section, _ = described_model(self.artifact)
        return family(section).names_in(section, self.auto_class)
