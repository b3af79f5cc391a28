"""Work on whole tensors that all ranks need done, such as Muon's orthogonalization: every rank does a share of it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

Function = Callable[[Sequence[Tensor]], list[Tensor]]
"""Takes each tensor by itself, and gives one of its shape and type."""


def deal(shapes: Sequence[torch.Size], ranks: int) -> list[list[int]]:
    """The indices of the tensors that each rank works on.

    Those of one shape follow each other, so that each rank gets as many of them as any other, up to one.
    """
    by_shape = sorted(range(len(shapes)), key=lambda index: tuple(shapes[index]))
    return [by_shape[owner::ranks] for owner in range(ranks)]


def map_in_shares(tensors: Sequence[Tensor], function: Function) -> list[Tensor]:
    """`function(tensors)` on every rank, of which each calls it with its share of the tensors, which all hold whole."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    shares = deal([tensor.shape for tensor in tensors], ranks)
    sizes = [sum(tensors[index].numel() for index in share) for share in shares]
    # Of equal size, since NCCL gathers nothing else in one go.
    own = tensors[0].new_zeros(max(sizes))
    if shares[rank]:
        results = function([tensors[index] for index in shares[rank]])
        torch.cat([result.reshape(-1) for result in results], out=own[: sizes[rank]])
    gathered = [torch.empty_like(own) for _ in range(ranks)]
    dist.all_gather(gathered, own)
    found: dict[int, Tensor] = {}
    for share, flat, size in zip(shares, gathered, sizes, strict=True):
        parts = flat[:size].split([tensors[index].numel() for index in share])
        found |= {index: part.view_as(tensors[index]) for index, part in zip(share, parts, strict=True)}
    return [found[index] for index in range(len(tensors))]


class Piece(NamedTuple):
    """Consecutive elements of one tensor, flattened, that a rank holds in its slice."""

    tensor: int
    """Index of the tensor."""
    start: int
    """First element within the tensor."""
    size: int
    offset: int
    """First element within the slice."""


class Exchange:
    """How pieces travel between ranks of which each holds one flat slice with parts of the tensors.

    Pieces go to the rank that works on their tensor, and pieces of the results come back, in one exchange each. So
    every element travels twice whatever the number of ranks, and a rank needs room for its share of the tensors.
    """

    def __init__(
        self,
        shapes: Sequence[torch.Size],
        pieces: Sequence[Sequence[Piece]],
        group: ProcessGroup | None = None,
    ):
        """
        Args:
            shapes: of the tensors.
            pieces: what each rank of the group holds, in one order on all of them.
        """
        rank, ranks = dist.get_rank(group), dist.get_world_size(group)
        shares = deal(shapes, ranks)
        owner = {index: rank for rank, share in enumerate(shares) for index in share}
        self._group = group
        self._work = {index: shapes[index] for index in shares[rank]}
        by_owner: dict[int, list[Piece]] = defaultdict(list)
        for piece in pieces[rank]:
            by_owner[owner[piece.tensor]].append(piece)
        self._held = [piece for other in range(ranks) for piece in by_owner[other]]
        self._sent = [sum(piece.size for piece in by_owner[other]) for other in range(ranks)]
        to_here = [[piece for piece in held if owner[piece.tensor] == rank] for held in pieces]
        self._needed = [piece for held in to_here for piece in held]
        self._received = [sum(piece.size for piece in held) for held in to_here]

    def map_whole(self, own: Tensor, function: Function) -> Tensor:
        """What `function` makes of the tensors whose pieces are this slice: the slice of the results, with zeros where
        no piece lies. All ranks call it together."""
        sent = torch.cat([own[:0], *(own[piece.offset :][: piece.size] for piece in self._held)])
        received = own.new_empty(sum(self._received))
        dist.all_to_all_single(received, sent, self._received, self._sent, self._group)
        results = self._apply(received, function)
        answers = [results[piece.tensor][piece.start :][: piece.size] for piece in self._needed]
        returned = torch.empty_like(sent)
        dist.all_to_all_single(
            returned, torch.cat([own[:0], *answers]), self._sent, self._received, self._group
        )
        found = torch.zeros_like(own)
        for piece, part in zip(self._held, returned.split([piece.size for piece in self._held]), strict=True):
            found[piece.offset :][: piece.size] = part
        return found

    def _apply(self, received: Tensor, function: Function) -> dict[int, Tensor]:
        """The results of this rank's share of the work, flattened, by the tensors' indices."""
        if not self._work:
            return {}
        wholes = {index: received.new_empty(shape.numel()) for index, shape in self._work.items()}
        for piece, part in zip(
            self._needed, received.split([piece.size for piece in self._needed]), strict=True
        ):
            wholes[piece.tensor][piece.start :][: piece.size] = part
        results = function([wholes[index].view(shape) for index, shape in self._work.items()])
        return dict(zip(self._work, (result.reshape(-1) for result in results), strict=True))
