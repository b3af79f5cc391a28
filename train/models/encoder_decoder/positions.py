"""Relative positions as T5 has them: what a head adds to a score for the distance between two tokens."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from train.models.layers import Embedding


def position_buckets(distances: Tensor, buckets: int, farthest: int, both_sides: bool) -> Tensor:
    """The group of each distance (Raffel et al., 2020, section 2.1), int64 like the distances.

    Near distances have a group each, farther ones share groups that grow with the logarithm, and from `farthest` on all
    are in the last.

    Args:
        distances: position of what is seen, less the position of what sees it.
        both_sides: later tokens are seen, too, and have half of the groups; else they are in that of distance 0.
    """
    if both_sides:
        buckets //= 2
        offset = torch.where(distances > 0, buckets, 0)
        distances = distances.abs()
    else:
        offset = torch.zeros_like(distances)
        distances = (-distances).clamp(min=0)
    near = buckets // 2
    logarithm = torch.log(distances.clamp(min=1).float() / near) / math.log(farthest / near)
    far = near + (logarithm * (buckets - near)).long()
    return offset + torch.where(distances < near, distances, far.clamp(max=buckets - 1))


class PositionBias(Embedding):
    """What is added to the scores of each head; its weight is [buckets, heads]."""

    def __init__(self, buckets: int, heads: int, farthest: int, both_sides: bool, std: float):
        super().__init__(buckets, heads, std)
        self.farthest, self.both_sides = farthest, both_sides

    def forward(self, queries: int, keys: int) -> Tensor:  # type: ignore[override]
        """Biases [1, heads, queries, keys]; the last query stands where the last key stands."""
        # A bias depends on the distance alone: each is looked up once, and laid along a diagonal.
        distances = torch.arange(1 - keys, queries, device=self.weight.device)
        groups = position_buckets(distances, self.num_embeddings, self.farthest, self.both_sides)
        return _along_diagonals(super().forward(groups).t(), queries, keys)[None]


def _along_diagonals(values: Tensor, rows: int, columns: int) -> Tensor:
    """values [N, rows + columns - 1] → [N, rows, columns], where [i, j] is the value number j - i + rows - 1.

    The same row again and again, with one element more than is read of it, so that each begins one place further on.
    Torch's `unfold` would do, but of its gradient torch 2.13's compiler makes code that writes beyond its memory.
    """
    count = values.size(-1)
    repeated = F.pad(values, (0, 1))[:, None].expand(-1, rows, -1).flatten(1)
    return repeated[:, : rows * count].unflatten(1, (rows, count))[:, :, rows - 1 :]
