"""Attention to both sides on torch's fused kernels, and what of a row each token sees."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Seen(NamedTuple):
    """What is added to the scores, [B or 1, 1, T or 1, T]; None where every token sees all of its row."""

    everywhere: Tensor | None
    nearby: Tensor | None
    """The same for layers with local attention."""


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention → [B, T, heads × head_size], of [B, T, heads, head_size] each."""
    mixed = F.scaled_dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=mask
    )
    return mixed.transpose(1, 2).flatten(2)


def what_is_seen(x: Tensor, segments: Tensor | None, lengths: Tensor | None, window: int | None) -> Seen:
    """The masks for hidden states x [B, T, H].

    They are made once here in the dtype of the queries, and not by each layer's kernel, of which every one would keep a
    copy for the backward pass.

    Args:
        segments: int64 [B, T], as of `TrainableModel`.
        lengths: int64 [B], real tokens of each row, where no segments are given. Nothing but padding sees padding.
        window: tokens that local attention sees; None where no layer has it.
    """
    places = torch.arange(x.size(1), device=x.device)
    seen: Tensor | None = None
    if segments is not None:
        seen = segments[:, :, None] == segments[:, None]
    elif lengths is not None:
        seen = (places < lengths[:, None])[:, None]
    nearby = seen
    if window is not None and x.size(1) > window // 2 + 1:
        distance = (places[:, None] - places).abs()
        nearby = (distance <= window // 2)[None]
        if seen is not None:
            # Padding sees itself: a softmax over nothing would be NaN, and spread from there.
            nearby = nearby & seen | (distance == 0)
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    everywhere = _added(seen, dtype)
    return Seen(everywhere, everywhere if nearby is seen else _added(nearby, dtype))


def _added(seen: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What is added to the scores, [B or 1, 1, T or 1, T]."""
    if seen is None:
        return None
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)[:, None]
