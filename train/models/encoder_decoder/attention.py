"""Attention as T5 has it: scores are not scaled, since the initial weights make up for it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from train.models.decoder.cache import KVCache
from train.models.encoder_decoder.positions import PositionBias
from train.models.layers import Linear


class Attention(nn.Module):
    """Queries of one text, with keys and values of the same or of another."""

    def __init__(self, config: EncoderDecoderConfig, *, biased: bool = False, both_sides: bool = True):
        """
        Args:
            biased: it has the relative positions of its stack, which the blocks after it use, too.
            both_sides: later tokens are seen.
        """
        super().__init__()
        self.key_value_proj_dim = config.head_width  # as it is called in transformers
        width, inner = config.hidden, config.heads * config.head_width
        self.q = Linear(width, inner, (width * config.head_width) ** -0.5)
        self.k = Linear(width, inner, width**-0.5)
        self.v = Linear(width, inner, width**-0.5)
        self.o = Linear(inner, width, inner**-0.5)
        if biased:
            self.relative_attention_bias = PositionBias(
                config.position_buckets, config.heads, config.farthest, both_sides, width**-0.5
            )

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of tokens [B, S, hidden]: each [B, S, heads, head size]."""
        return self._heads(self.k(x)), self._heads(self.v(x))

    def forward(self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """
        Args:
            x: tokens that see, [B, T, hidden].
            key, value: of tokens that are seen, [B, S, heads, head size].
            mask: added to the scores, [B or 1, heads or 1, T or 1, S]; or a boolean one, True where a token is seen.
        """
        query, key, value = (each.transpose(1, 2) for each in (self._heads(self.q(x)), key, value))
        if mask is not None and mask.requires_grad and x.device.type == "cpu":
            mixed = _with_learned_mask(query, key, value, mask)
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        return self.o(mixed.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.key_value_proj_dim))


def _with_learned_mask(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Attention whose mask has a gradient: a CPU's fused kernel makes none, and torch's general one also scales queries
    and keys by 1 and looks for rows that see nothing, with passes over all scores. Here each row sees something."""
    scores = query @ key.transpose(-1, -2)
    return scores.add_(mask).softmax(-1) @ value


def real_tokens(lengths: Tensor, width: int) -> Tensor:
    """Which of `width` tokens are no padding at the right, bool [B, 1, 1, width]; lengths are int64 [B]."""
    return (torch.arange(width, device=lengths.device) < lengths[:, None])[:, None, None]


class WritingState:
    """What a decoder remembers: keys and values of what it has written, and of the source."""

    def __init__(self, written: KVCache, source: list[tuple[Tensor, Tensor]], real: Tensor | None):
        """
        Args:
            source: keys and values for each block, [B, S, heads, head size].
            real: the source's tokens that are no padding, as of `real_tokens`; None where all are real.
        """
        self.written, self.source, self.real = written, source, real

    @property
    def length(self) -> int:
        return self.written.length

    def reorder(self, rows: Tensor) -> None:
        self.written.reorder(rows)
        self.source = [(key.index_select(0, rows), value.index_select(0, rows)) for key, value in self.source]
        if self.real is not None:
            self.real = self.real.index_select(0, rows)
