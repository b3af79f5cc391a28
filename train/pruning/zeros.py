"""Which weights are set to zero, by a score for each."""

import torch
from torch import Tensor

from train.pruning.matrices import GROUP


def zero_least(weight: Tensor, scores: Tensor, share: float) -> None:
    """Set the weights of the least scores to zero, in place: of each row so many.

    Args:
        weight: [rows, columns], or a flat one as a single row.
        scores: of the same shape.
        share: of a row's weights.
    """
    count = round(share * weight.size(-1))
    least = torch.topk(scores, count, dim=-1, largest=False, sorted=False).indices
    weight.scatter_(-1, least, 0.0)


def zero_two_of_four(weight: Tensor, scores: Tensor) -> None:
    """Set the two of the least scores of each four neighbours in a row to zero, in place.

    Args:
        weight: [rows, columns].
    """
    groups = scores.unflatten(1, (-1, GROUP))
    least = torch.topk(groups, GROUP // 2, dim=-1, largest=False, sorted=False).indices
    zero = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, least, True)
    weight.masked_fill_(zero.flatten(1), 0.0)
