"""Causal attention on torch's fused kernels, and the cache that generation keeps."""

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
        key, value = (_for_each_query_head(tensor, query.size(2)) for tensor in (key, value))
    mixed = F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None and query.size(1) > 1,
        enable_gqa=query.size(2) != key.size(2),
    )
    return mixed.transpose(1, 2).flatten(2)


def _for_each_query_head(tensor: Tensor, heads: int) -> Tensor:
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


class KVCache:
    """Keys and values of all layers for up to `capacity` tokens per row, allocated once."""

    def __init__(
        self,
        layers: int,
        batch_size: int,
        capacity: int,
        kv_heads: int,
        head_size: int,
        *,
        dtype: torch.dtype,
        device: torch.device,
        padding: Tensor | None = None,
    ):
        # Heads before tokens: a decoding step then reads each head's keys contiguously.
        shape = (layers, batch_size, kv_heads, capacity, head_size)
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.padding = None if padding is None else padding.to(device)
        self.capacity = capacity
        self.length = 0

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append T new keys and values [B, T, kv_heads, head_size]; return those of all tokens.

        The length grows only with `advance`, once every layer has appended.
        """
        end = self.length + key.size(1)
        self.keys[layer, :, :, self.length : end] = key.transpose(1, 2)
        self.values[layer, :, :, self.length : end] = value.transpose(1, 2)
        return self.keys[layer, :, :, :end].transpose(1, 2), self.values[layer, :, :, :end].transpose(1, 2)

    def advance(self, tokens: int) -> None:
        self.length += tokens

    def positions(self, tokens: int) -> Tensor:
        """Positions of the next tokens, [B or 1, tokens]; the first real token of a row is at 0."""
        index = torch.arange(self.length, self.length + tokens, device=self.keys.device)[None]
        return index if self.padding is None else (index - self.padding[:, None]).clamp_(min=0)

    def mask(self, tokens: int) -> Tensor | None:
        """What the next tokens see, bool [B or 1, 1, tokens, length + tokens]; None as in `attend`."""
        if self.padding is None and (tokens == 1 or self.length == 0):
            return None
        end = self.length + tokens
        keys = torch.arange(end, device=self.keys.device)
        queries = keys[self.length :, None]
        if self.padding is None:
            return (keys <= queries)[None, None]
        # A padding query sees itself: a softmax over nothing would be NaN, and spread from there.
        real = keys >= self.padding[:, None, None]
        return ((keys <= queries) & (real | (keys == queries)))[:, None]

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)
