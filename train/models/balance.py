"""How a mixture's router spreads the tokens over the experts, and the losses that keep it from choosing a few."""

from collections.abc import Sequence

import torch
from torch import Tensor

from train.models.interface import IGNORE_INDEX, FigureSum

# What a layer's router did, as one fp32 tensor [2 E + 1], for strategies and recomputation pass tensors along best:
# summed probabilities of each expert, its tokens, and summed squares of the logits' log-partition.


def until_last_label(labels: Tensor) -> Tensor:
    """Mask (int64 [B, T]) of the tokens that are no padding: up to each row's last label that counts."""
    return (labels != IGNORE_INDEX).long().flip(1).cummax(1).values.flip(1)


def routing_sums(logits: Tensor, probabilities: Tensor, chosen: Tensor, counted: Tensor | None) -> Tensor:
    """What a layer's router did.

    Args:
        logits: of the router, [N, E].
        probabilities: their softmax, fp32.
        chosen: the experts that each token passes, int64 [N, k].
        counted: which tokens are no padding, [N]; None where all are.
    """
    squares = logits.float().logsumexp(-1).square()
    loads = torch.zeros_like(probabilities).scatter_(1, chosen, 1.0)
    if counted is not None:
        weights = counted.float()
        squares = squares * weights
        probabilities, loads = probabilities * weights[:, None], loads * weights[:, None]
    return torch.cat((probabilities.sum(0), loads.sum(0), squares.sum(0, keepdim=True)))


def router_losses(layers: Sequence[Tensor], counted: Tensor) -> tuple[Tensor, Tensor]:
    """Balance loss and z-loss, each the mean over layers.

    The first is that of Fedus et al. (2021, "Switch Transformers", equations 4 to 6) for k experts per token: E × Σ
    share of tokens × mean probability, which is k where all are equal. The second is of Zoph et al. (2022, "ST-MoE"):
    the mean square of log Σ exp(logits), which keeps the logits small.

    Args:
        layers: of `routing_sums`.
        counted: number of tokens that they are sums over.
    """
    sums = torch.stack(list(layers)) / counted.clamp(min=1)
    probabilities, loads, squares = _parts(sums)
    balance = probabilities.size(1) * (probabilities * loads).sum(1)
    return balance.mean(), squares.mean()


def fullest_expert(layers: Sequence[Tensor], tokens: Tensor) -> FigureSum:
    """The share of a layer's load that its fullest expert has, mean over layers; 1 / E where all are equal."""
    _, loads, _ = _parts(torch.stack([sums.detach() for sums in layers]))
    share = (loads.amax(1) / loads.sum(1).clamp(min=1)).mean()
    return FigureSum(share * tokens, tokens)


def _parts(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    experts = sums.size(1) // 2
    return sums[:, :experts], sums[:, experts:-1], sums[:, -1]
