"""Weights that were pruned stay zero: around each step of any optimizer, in what this rank holds of them."""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from train.strategies.shares import Share


@dataclass(frozen=True)
class KeptZeros:
    """A rank's share of the weights that are zero."""

    pruned: Sequence[tuple[Tensor, Tensor]]
    """Tensors of the optimizer, and where they are kept zero: bool, flat, as they lie on this rank."""

    @classmethod
    def of(cls, model: nn.Module, names: Collection[str], shares: Sequence[Share]) -> Self:
        """Those that are zero now.

        Args:
            names: of the parameters whose zeros are kept.
            shares: what this rank's optimizer holds, as `TrainingStrategy.shares` says.
        """
        kept = {id(p) for name, p in model.named_parameters() if name in names}
        found = ((share.tensor, _zeros(share, kept)) for share in shares)
        return cls([(tensor, zeros) for tensor, zeros in found if zeros is not None])

    @contextmanager
    def stepping(self) -> Generator[None]:
        """Around an optimizer's step: no gradient reaches these weights, so that no state remembers one, and what an
        optimizer moves nevertheless, since it takes a matrix as a whole, is zero again."""
        for tensor, zeros in self.pruned:
            if tensor.grad is not None:
                _flat(tensor.grad)[zeros] = 0.0
        yield
        for tensor, zeros in self.pruned:
            _flat(tensor.detach())[zeros] = 0.0


def _zeros(share: Share, kept: Collection[int]) -> Tensor | None:
    parts = [part for part in share.fragments if id(part.parameter) in kept]
    if not parts:
        return None
    flat = _flat(share.tensor.detach())
    zeros = torch.zeros_like(flat, dtype=torch.bool)
    for part in parts:
        place = slice(part.offset, part.offset + part.size)
        zeros[place] = flat[place] == 0
    return zeros


def _flat(tensor: Tensor) -> Tensor:
    return (tensor.to_local() if isinstance(tensor, DTensor) else tensor).view(-1)


def count_zeros(state: Mapping[str, Tensor], names: Collection[str]) -> tuple[int, int]:
    """How many of the weights of these names are zero, and how many there are."""
    found = [tensor for name, tensor in state.items() if name in names]
    return sum(int((tensor == 0).sum()) for tensor in found), sum(tensor.numel() for tensor in found)
