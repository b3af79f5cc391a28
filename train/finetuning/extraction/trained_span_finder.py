"""A model that finds answers as it is exported: one of transformers' `…ForQuestionAnswering`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from pipeline.context import Context
from train.checkpoints.final_model import described_model
from train.exporting.head import class_with_head, rename
from train.exporting.trained_model import TrainedModel
from train.finetuning.artifact import read_test_rows
from train.finetuning.extraction.span_finder import SpanFinder, load_span_finder
from train.models import ConfigFields, TrainableModel, family


class TrainedSpanFinder(TrainedModel):
    auto_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    writes: ClassVar[bool] = False
    output: ClassVar[str] = "start_logits"

    @property
    def body(self) -> TrainableModel:
        return self.model.backbone

    def reload(self, artifact: Path) -> SpanFinder:
        return load_span_finder(artifact)

    def texts(self, context: Context, most: int) -> list[str]:
        """The test examples' texts: a folder that is fine-tuned may come without a corpus."""
        return [row["text"] for row in read_test_rows(self.artifact, most)]

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        """All of one length: of padding no logits are compared."""
        kept = [ids for ids in texts if ids][:most]
        shortest = min(window, min(map(len, kept)))
        return [ids[:shortest] for ids in kept]

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths)[:, :, 0].float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        if self._names is None:
            return None
        return fields | {"architectures": [class_with_head(fields, "ForQuestionAnswering")]}

    def finish_weights(self, weights: Path) -> None:
        rename(weights, self._names)

    @property
    def _names(self) -> Mapping[str, str] | None:
        section, _ = described_model(self.artifact)
        return family(section).names_in(section, self.auto_class)
