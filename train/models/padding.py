"""Texts of different length side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pad_left(texts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Token ids int64 [B, T], and the number of padding tokens of each row, int64 [B]; None where there are none."""
    longest = max(map(len, texts))
    padding = torch.tensor([longest - len(text) for text in texts], device=device)
    # Any id serves as padding: a state knows where a row begins.
    ids = torch.tensor([[0] * (longest - len(text)) + list(text) for text in texts], device=device)
    return ids, padding if bool(padding.any()) else None


def pad_right(texts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids int64 [B, T], and how many of each row are no padding, int64 [B]."""
    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=device)
    return ids, torch.tensor([len(text) for text in texts], device=device)
