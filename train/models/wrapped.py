"""A module around a base model, which a task trains in its place."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from train.models import TrainableModel

BODY = "backbone."
"""What stands before the names that a parameter of the body has in the base model."""


class WrappedModel(TrainableModel):
    """The base model is `backbone`; sharding, checkpoints, recomputation and LoRA see through to it."""

    new_layers: tuple[str, ...] = ()
    """Names of layers that the base model does not have: trained whole where the body gets adapters."""

    backbone: Any
    """A `TrainableModel`; of a class that the subclass knows."""

    def __init__(self, backbone: TrainableModel):
        super().__init__()
        self.backbone = backbone
        self.vocab_size, self.context = backbone.vocab_size, backbone.context

    @property
    def blocks(self) -> Iterable[nn.Module]:
        return self.backbone.blocks

    @property
    def gradient_checkpointing(self) -> int:
        return self.backbone.gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, every: int) -> None:
        self.backbone.gradient_checkpointing = every
