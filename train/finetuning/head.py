"""A base model with a head of a task's own, in place of its output matrix."""

from train.models.decoder.model import Decoder
from train.models.wrapped import WrappedModel


class ModelWithHead(WrappedModel):
    """What a subclass adds to the body is new: it names it in `new_layers`."""

    def __init__(self, backbone: Decoder):
        """The backbone becomes part of this model and loses its `lm_head`, which nothing would train."""
        del backbone.lm_head
        super().__init__(backbone)
