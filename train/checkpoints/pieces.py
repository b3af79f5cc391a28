"""The pieces that a checkpoint is made of. Who only reads checkpoints needs no strategy, and so not Lightning."""

from dataclasses import dataclass

from torch import Tensor

WEIGHT = "weight"


@dataclass(frozen=True)
class StatePiece:
    """What one rank holds of a parameter or of one of its optimizer states."""

    name: str
    """The parameter's, within the model."""
    kind: str
    """`weight`, or the optimizer's name of the state."""
    start: int
    """First element within the flattened whole."""
    tensor: Tensor
    """fp32 [elements]; a view: writing into it changes the training state."""
