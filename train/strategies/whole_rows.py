"""Work on whole tensors of which each rank holds some rows, as FSDP2 cuts them."""

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed.tensor import DTensor

from train.strategies.shared_work import Exchange, Function, Piece


def map_whole_rows(tensors: Sequence[DTensor], function: Function) -> list[Tensor]:
    """`function(tensors)`, of which each rank calls it with its share of the tensors, whole.

    Args:
        tensors: cut along their first dimension over one group of ranks, as `torch.chunk` cuts.
    """
    local = [tensor.to_local() for tensor in tensors]
    exchange = _exchange(tuple(tensor.shape for tensor in tensors), tensors[0].device_mesh.get_group())
    own = exchange.map_whole(torch.cat([part.reshape(-1) for part in local]), function)
    found = own.split([part.numel() for part in local])
    return [
        _as_sharded(flat.view_as(part), tensor)
        for flat, part, tensor in zip(found, local, tensors, strict=True)
    ]


@lru_cache(maxsize=16)  # a group of parameters each, the same at every step
def _exchange(shapes: tuple[torch.Size, ...], group: ProcessGroup) -> Exchange:
    ranks = dist.get_world_size(group)
    return Exchange(shapes, [_rows(shapes, rank, ranks) for rank in range(ranks)], group)


def _rows(shapes: Sequence[torch.Size], rank: int, ranks: int) -> list[Piece]:
    """What that rank holds: its rows of one tensor after the other."""
    found: list[Piece] = []
    offset = 0
    for index, shape in enumerate(shapes):
        each, row = -(-shape[0] // ranks), shape[1:].numel()
        count = max(0, min(each, shape[0] - rank * each))
        if count:
            found.append(Piece(index, rank * each * row, count * row, offset))
        offset += count * row
    return found


def _as_sharded(local: Tensor, like: DTensor) -> DTensor:
    return DTensor.from_local(
        local, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )
