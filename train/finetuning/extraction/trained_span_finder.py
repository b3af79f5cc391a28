"""A model that finds answers as it is exported: one of transformers' `…ForQuestionAnswering`."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from train.exporting.head import class_with_head
from train.finetuning.extraction.span_finder import SpanFinder, load_span_finder
from train.finetuning.trained_with_head import TrainedTokenHead
from train.models import ConfigFields


class TrainedSpanFinder(TrainedTokenHead):
    auto_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    output: ClassVar[str] = "start_logits"

    def reload(self, artifact: Path) -> SpanFinder:
        return load_span_finder(artifact)

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths)[:, :, 0].float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        if self.names is None:
            return None
        return fields | {"architectures": [class_with_head(fields, "ForQuestionAnswering")]}
