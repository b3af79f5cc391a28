"""Causal attention on torch's fused kernels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention → [B, T, heads × head_size].

    Query is [B, T, heads, head_size]; key and value are [B, S, kv_heads, head_size], where kv_heads
    divides heads. Without a mask T queries see the keys causally (T = S), and a single query
    sees all of them; a boolean mask is True where a query sees a key, any other is added to the scores.
    """
    if mask is not None and query.size(1) == key.size(1) and query.size(2) != key.size(2):
        # CUDA's fused kernel that takes a mask knows no grouped heads, and the one that is left keeps all scores.
        key, value = (for_each_query_head(tensor, query.size(2)) for tensor in (key, value))
    mixed = F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None and query.size(1) > 1,
        enable_gqa=query.size(2) != key.size(2),
    )
    return mixed.transpose(1, 2).flatten(2)


def for_each_query_head(tensor: Tensor, heads: int) -> Tensor:
    """Each of the heads of [B, S, kv_heads, head_size] as often as its group has queries."""
    return tensor.unsqueeze(3).expand(-1, -1, -1, heads // tensor.size(2), -1).flatten(2, 3)


def document_mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to the scores so that tokens see only earlier ones of their own document, [B, 1, T, T].

    Segments are those of `LanguageModel`. In the dtype of the queries: made once here, and not by each layer's
    kernel, of which every one would keep a copy for the backward pass.
    """
    index = torch.arange(segments.size(1), device=segments.device)
    # A key at or after the start of the query's document and not after the query is of that document.
    seen = (index >= segments[:, :, None]) & (index <= index[:, None])
    mask = torch.zeros(seen.shape, dtype=dtype, device=segments.device).masked_fill_(~seen, -torch.inf)
    return mask[:, None]
