"""A classifier by markers as it is exported: no class of transformers has its head."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from train.finetuning.head import ModelWithHead
from train.finetuning.relations.loading import load_related
from train.finetuning.trained_with_head import TrainedWithHead
from train.models import ConfigFields


class TrainedMarked(TrainedWithHead):
    unknown_to_transformers: ClassVar[str] = "finetune.pooling=markers"

    def reload(self, artifact: Path) -> ModelWithHead:
        return load_related(artifact)

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        return [ids[:window] for ids in texts[:most]]

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        return model(rows, lengths).float()

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        return None
