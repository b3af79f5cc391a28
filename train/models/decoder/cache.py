"""The keys and values that generation keeps of what was read."""

import torch
from torch import Tensor

from train.models.decoder.attention import attend


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
        shape = batch_size, kv_heads, self._room(capacity), head_size
        self.keys = [torch.empty(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [torch.empty(shape, dtype=dtype, device=device) for _ in range(layers)]
        """Of each layer, [B, kv_heads, tokens, head_size]."""
        self.padding = None if padding is None else padding.to(device)
        self.capacity, self._device = capacity, device
        self.length = 0

    def _room(self, capacity: int) -> int:
        """For how many tokens there is room at first."""
        return capacity

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int | None
    ) -> Tensor:
        """Append as `update` does, and attend to what it gives, with a mask of `mask`; shapes are those of `attend`."""
        keys, values = self.update(layer, key, value, window)
        return attend(query, keys, values, mask)

    def update(
        self, layer: int, key: Tensor, value: Tensor, window: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Append T new keys and values [B, T, kv_heads, head_size]; return those of all tokens, or with a window only
        those that one of the new tokens sees.

        The length grows only with `advance`, once every layer has appended.
        """
        end = self.length + key.size(1)
        self.keys[layer][:, :, self.length : end] = key.transpose(1, 2)
        self.values[layer][:, :, self.length : end] = value.transpose(1, 2)
        seen = slice(self._first(window), end)
        return self.keys[layer][:, :, seen].transpose(1, 2), self.values[layer][:, :, seen].transpose(1, 2)

    def _first(self, window: int | None) -> int:
        """The first token that the next one sees."""
        return 0 if window is None else max(0, self.length + 1 - window)

    def advance(self, tokens: int) -> None:
        self.length += tokens

    def positions(self, tokens: int) -> Tensor:
        """Positions of the next tokens, [B or 1, tokens]; the first real token of a row is at 0."""
        index = torch.arange(self.length, self.length + tokens, device=self._device)[None]
        return index if self.padding is None else (index - self.padding[:, None]).clamp_(min=0)

    def mask(self, tokens: int, window: int | None = None) -> Tensor | None:
        """What the next tokens see of the keys that `update` gives, bool [B or 1, 1, tokens, keys]; None as in
        `attend`."""
        end = self.length + tokens
        if self.padding is None and (
            tokens == 1 or (self.length == 0 and (window is None or tokens <= window))
        ):
            return None
        keys = torch.arange(self._first(window), end, device=self._device)
        queries = torch.arange(self.length, end, device=self._device)[:, None]
        seen = keys <= queries
        if window is not None:
            seen &= keys > queries - window
        if self.padding is None:
            return seen[None, None]
        # A padding query sees itself: a softmax over nothing would be NaN, and spread from there.
        real = keys >= self.padding[:, None, None]
        return (seen & (real | (keys == queries)))[:, None]

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        for kept in (self.keys, self.values):
            kept[:] = [layer.index_select(0, rows) for layer in kept]
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)
