"""A model of several tasks as it is exported: no class of transformers has several heads."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from train.finetuning.multi.model import MultiModel, load_multi
from train.finetuning.trained_with_head import TrainedWithHead
from train.models import ConfigFields


class TrainedMulti(TrainedWithHead):
    unknown_to_transformers: ClassVar[str] = "a model of several tasks"

    def reload(self, artifact: Path) -> MultiModel:
        return load_multi(artifact)

    def rows(self, texts: list[list[int]], window: int, most: int, most_logits: int) -> list[list[int]]:
        """All of one length: of padding no logits are compared."""
        kept = [ids for ids in texts if ids][:most]
        shortest = min(window, min(map(len, kept)))
        return [ids[:shortest] for ids in kept]

    def logits(self, model: Any, rows: Tensor, lengths: Tensor) -> Tensor:
        """Of all heads, one after the other."""
        found = [model.part(name)(rows, lengths) for name in self.facts["parts"]]
        return torch.cat([logits.flatten(1).float() for logits in found], 1)

    def config_fields(self, fields: ConfigFields) -> ConfigFields | None:
        return None
