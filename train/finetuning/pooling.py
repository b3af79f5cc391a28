"""One vector for a text, out of the hidden states of its tokens."""

import torch
from torch import Tensor

from pipeline.config.models.base import Reading
from pipeline.config.tasks.classify import Pooling

BY_READING: dict[Reading, Pooling] = {
    "left_to_right": "last",
    "bidirectional": "first",
    "encoder_decoder": "mean",
}
"""What is taken where the settings leave it open: the one token that has seen all the others; of a model that reads
both sides the first, which its pretraining put there for this ([CLS]; Devlin et al., 2019)."""


def pool(
    hidden: Tensor, lengths: Tensor, rows: Tensor | None, segments: Tensor | None, pooling: Pooling
) -> Tensor:
    """One vector [N, H] for each of N texts, of hidden states [B, T, H].

    Args:
        lengths: int64 [N]; place in its row after each text's last token.
        rows: int64 [N], where texts share rows; else each text has the row of its number.
        segments: int64 [B, T], where the text of each place starts; None where each starts its row.
    """
    if rows is None:
        rows = torch.arange(len(hidden), device=hidden.device)
    last = lengths - 1
    if pooling == "last":
        return hidden[rows, last]
    starts = torch.zeros_like(last) if segments is None else segments[rows, last]
    if pooling == "first":
        return hidden[rows, starts]
    places = torch.arange(hidden.size(1), device=hidden.device)
    within = (places >= starts[:, None]) & (places < lengths[:, None])
    of_row = torch.arange(len(hidden), device=hidden.device) == rows[:, None]
    # One matrix product for texts that share rows, too: [N, B, T] of weights are little beside the hidden states.
    weights = (of_row[:, :, None] & within[:, None]).to(hidden.dtype) / (lengths - starts)[:, None, None]
    return torch.einsum("nbt,bth->nh", weights.to(hidden.dtype), hidden)
