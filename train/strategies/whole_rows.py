"""Work on whole tensors of which each rank holds some rows, as FSDP2 cuts them: every rank does a share of it."""

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor


def map_whole_rows(
    tensors: Sequence[DTensor], function: Callable[[Sequence[Tensor]], list[Tensor]]
) -> list[Tensor]:
    """`function(tensors)`, of which each rank calls it with its share of the tensors, whole.

    Rows go to the rank that needs them, and rows of the results come back, in one exchange each. So every element
    travels twice whatever the number of ranks, and a rank needs room for its share of the tensors.

    Args:
        tensors: cut along their first dimension over one group of ranks, as `torch.chunk` cuts.
    """
    group = tensors[0].device_mesh.get_group()
    rank, ranks = dist.get_rank(group), dist.get_world_size(group)
    # Those of one shape follow each other, so that each rank gets as many of them as any other.
    by_shape = sorted(tensors, key=lambda tensor: tuple(tensor.shape))
    shares = [by_shape[owner::ranks] for owner in range(ranks)]
    local = [[tensor.to_local() for tensor in share] for share in shares]
    rows = [[_rows(tensor, source, ranks) for tensor in shares[rank]] for source in range(ranks)]

    here = [sum(part.numel() for part in parts) for parts in local]
    there = [
        sum(count * tensor.shape[1:].numel() for count, tensor in zip(counts, shares[rank], strict=True))
        for counts in rows
    ]
    sent = torch.cat([part.reshape(-1) for parts in local for part in parts])
    received = sent.new_empty(sum(there))
    dist.all_to_all_single(received, sent, there, here, group)
    wholes = _put_together(received, rows, shares[rank])

    results = function(wholes) if wholes else []
    of_ranks = [result.split(counts) for result, counts in zip(results, zip(*rows, strict=True), strict=True)]
    answers = [parts[owner].reshape(-1) for owner in range(ranks) for parts in of_ranks]
    returned = torch.empty_like(sent)
    dist.all_to_all_single(returned, torch.cat([received[:0], *answers]), here, there, group)
    found = iter(returned.split([part.numel() for parts in local for part in parts]))
    sharded = {
        id(tensor): _as_sharded(next(found).view_as(part), tensor)
        for share, parts in zip(shares, local, strict=True)
        for tensor, part in zip(share, parts, strict=True)
    }
    return [sharded[id(tensor)] for tensor in tensors]


def _rows(tensor: DTensor, rank: int, ranks: int) -> int:
    """How many rows of it that rank holds."""
    each = -(-tensor.shape[0] // ranks)
    return max(0, min(each, tensor.shape[0] - rank * each))


def _put_together(flat: Tensor, rows: list[list[int]], tensors: list[DTensor]) -> list[Tensor]:
    """The whole tensors, from what came of each rank in turn: its rows of one after the other."""
    row_sizes = [tensor.shape[1:].numel() for tensor in tensors]
    sizes = [count * size for counts in rows for count, size in zip(counts, row_sizes, strict=True)]
    parts = flat.split(sizes)
    return [
        torch.cat(parts[index :: len(tensors)]).view(tensor.shape) for index, tensor in enumerate(tensors)
    ]


def _as_sharded(local: Tensor, like: DTensor) -> DTensor:
    return DTensor.from_local(
        local, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )
