"""What each attention head of a model looks at in a text."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from train.models import Body


class RecordedAttention(TorchFunctionMode):
    """While it is entered, keeps the weights of every call of torch's scaled dot-product attention, whoever makes it:
    our own models and those of transformers. The fused kernels give none, so they are computed beside the call."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []
        """[B, heads, T, S] of each call, in order, fp32; each row sums to 1."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            self.weights.append(attention_weights(*args, **kwargs))
        return func(*args, **kwargs)


def attention_weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(QKᵀ · scale + mask), fp32 [B, heads, T, S], by the definition in torch's documentation.

    Args:
        query, key, value, …: as of `F.scaled_dot_product_attention`.
    """
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), dim=-3)
    scores = query.float() @ key.float().transpose(-2, -1)
    scores = scores * (1 / math.sqrt(query.size(-1)) if scale is None else scale)
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~seen, -torch.inf)
    if attn_mask is not None:
        added = attn_mask
        if attn_mask.dtype == torch.bool:
            added = torch.zeros_like(scores).masked_fill(~attn_mask, -torch.inf)
        scores = scores + added
    return scores.softmax(-1)


def attention_of(model: Body, ids: Sequence[int]) -> Tensor | None:
    """What each head looks at, fp32 [layers, heads, T, T] on the CPU: [l, h, q, k] is how much of what q takes over is
    k's. None where the model has no heads, or computes attention in a way of its own."""
    device = next(model.parameters()).device
    with torch.inference_mode(), RecordedAttention() as recorded:
        model.hidden(torch.tensor([list(ids)], device=device))
    square = [weights[0].cpu() for weights in recorded.weights if weights.shape[-2:] == (len(ids), len(ids))]
    if not square or len({weights.shape for weights in square}) > 1:
        return None
    return torch.stack(square)
