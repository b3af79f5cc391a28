"""Attention of local layers, where a token sees a window of those before it (Child et al., 2019; Beltagy et al., 2020).

A row is cut into blocks as long as the window. A block's queries see no keys but those of their own block and the one
before, so that time and memory grow with the length times two windows and not with its square, on any kernel.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.models.decoder.attention import attend, document_mask, for_each_query_head


def nearby_mask(x: Tensor, window: int, segments: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What `attend_nearby` adds to the scores, [B × blocks, 1, window, 2 windows]; None where the window reaches over
    the whole row.

    Args:
        x: what is read, [B, T, …].
        segments: those of `LanguageModel`; None where a row is one text.
    """
    rows, tokens, device = x.size(0), x.size(1), x.device
    if tokens <= window:
        return None if segments is None else document_mask(segments, dtype)
    blocks = -(-tokens // window)
    starts = torch.zeros(1, tokens, dtype=torch.int64, device=device) if segments is None else segments
    # Padding at the end sees what its window holds, and what is made of it is thrown away.
    starts = F.pad(starts, (0, blocks * window - tokens)).view(-1, blocks, window, 1)
    place = torch.arange(window, device=device)
    query = place[:, None]
    key = torch.cat((place - window, place))
    seen = (key <= query) & (key > query - window)
    first = (torch.arange(blocks, device=device) * window)[:, None, None]
    seen = seen & (key + first >= starts)
    mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, -torch.inf)
    return mask.expand(rows, -1, -1, -1).flatten(0, 1)[:, None]


def attend_nearby(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int) -> Tensor:
    """As `attend`, of whole rows of which each token sees the last `window`.

    Args:
        mask: of `nearby_mask`.
    """
    rows, tokens, heads, _ = query.shape
    if tokens <= window:
        return attend(query, key, value, mask)
    assert mask is not None
    blocks = -(-tokens // window)
    if query.size(2) != key.size(2):
        key, value = (for_each_query_head(tensor, heads) for tensor in (key, value))
    query, key, value = (_blocks(tensor, blocks, window) for tensor in (query, key, value))
    key, value = (_with_the_one_before(tensor) for tensor in (key, value))
    mixed = attend(query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1), mask)
    return mixed.view(rows, blocks * window, -1)[:, :tokens]


def _blocks(x: Tensor, blocks: int, window: int) -> Tensor:
    """[B, T, heads, size] → [B, blocks, window, heads, size], padded at the end."""
    missing = blocks * window - x.size(1)
    return (F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x).unflatten(1, (blocks, window))


def _with_the_one_before(x: Tensor) -> Tensor:
    """Each block behind the one before it, [B, blocks, 2 windows, heads, size]; zeros are before the first."""
    return torch.cat((F.pad(x[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0)), x), 2)
