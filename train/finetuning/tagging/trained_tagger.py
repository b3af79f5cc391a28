"""A tagger as it is exported: one of transformers' `…ForTokenClassification`."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pipeline.context import Context
from train.checkpoints.final_model import described_model
from train.exporting.head import class_with_head, rename_head
from train.exporting.trained_model import TrainedModel
from train.finetuning.artifact import read_test_rows
from train.finetuning.tagging.tagger import HEAD, Tagger, load_tagger
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

    def config_fields(self, fields: ConfigFields) -> ConfigFields:
        labels = self.model.labels
        return fields | {
            "architectures": [class_with_head(fields, "ForTokenClassification")],
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
        }

    def finish_weights(self, weights: Path) -> None:
        section, _ = described_model(self.artifact)
        rename_head(weights, {HEAD: family(section).token_head(section)})
