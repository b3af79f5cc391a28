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


def part_of(piece: StatePiece, rank: int, ranks: int) -> StatePiece:
    """The part of a piece that falls to one of so many ranks; it may be empty."""
    size = piece.tensor.numel()
    first, end = rank * size // ranks, (rank + 1) * size // ranks
    return StatePiece(piece.name, piece.kind, piece.start + first, piece.tensor[first:end])
