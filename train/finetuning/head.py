"""A base model with a head of a task's own, in place of its output matrix."""

from train.models import Body
from train.models.wrapped import WrappedModel


class ModelWithHead(WrappedModel):
    """What a subclass adds to the body is new: it names it in `new_layers`."""

    def __init__(self, backbone: Body):
        """The backbone becomes part of this model and loses its output layers, which nothing would train."""
        backbone.drop_output()
        super().__init__(backbone)
