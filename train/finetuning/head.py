"""A base model with a head of a task's own, in place of its output matrix."""

from typing import ClassVar

from torch import nn

from train.models.decoder.model import Decoder

BODY = "backbone."
"""What stands before the names that a parameter of the body has in the base model."""


class ModelWithHead(nn.Module):
    """The body is `backbone`; what a subclass adds to it is new, and trained whole where the body gets adapters."""

    new_layers: ClassVar[tuple[str, ...]]
    """Names of the layers that the head consists of."""
    peft_task: ClassVar[str]
    """How peft calls what such a model does."""

    def __init__(self, backbone: Decoder):
        """The backbone becomes part of this model and loses its `lm_head`, which nothing would train."""
        super().__init__()
        del backbone.lm_head
        self.backbone = backbone

    @property
    def context(self) -> int:
        return self.backbone.context

    @property
    def blocks(self) -> nn.ModuleList:
        return self.backbone.blocks

    @property
    def gradient_checkpointing(self) -> bool:
        return self.backbone.gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        self.backbone.gradient_checkpointing = value
