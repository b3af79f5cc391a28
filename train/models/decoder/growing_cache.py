"""The keys and values that generation keeps on a CPU, and attention over them."""

import torch
from torch import Tensor

from train.models.decoder.cache import KVCache

ROOM = 16
"""Tokens for which a layer gets room when it has none left."""


class GrowingCache(KVCache):
    """A cache with hardly more room than what was read takes: a CPU reads what lies in one run faster than pieces.

    A layer that grows moves into the place of the one that grew before it, all layers being of one size: memory that
    was just given back costs more than the move, since the system clears it page by page.
    """

    _keys_lie_across = False
    """Whether in memory a head's keys are [head_size, tokens]."""
    _spare: Tensor | None = None
    """Numbers in a run, for all keys or values that a layer may come to."""

    def _room(self, capacity: int) -> int:
        return 0

    def reorder(self, rows: Tensor) -> None:
        self._spare = None  # of another number of rows
        super().reorder(rows)

    def update(
        self, layer: int, key: Tensor, value: Tensor, window: int | None = None
    ) -> tuple[Tensor, Tensor]:
        end = self.length + key.size(1)
        if end > self.keys[layer].size(2):
            room = min(end + ROOM, self.capacity)
            self.keys[layer] = self._moved(self.keys[layer], room, across=self._keys_lie_across)
            self.values[layer] = self._moved(self.values[layer], room)
        return super().update(layer, key, value, window)

    def _moved(self, kept: Tensor, room: int, *, across: bool = False) -> Tensor:
        """The keys or values of a layer with room for so many tokens."""
        batch, heads, _, size = kept.shape
        numbers = batch * heads * self.capacity * size
        run = kept.new_empty(numbers) if self._spare is None else self._spare
        taken = run[: batch * heads * room * size]
        moved = taken.view(batch, heads, size, room).mT if across else taken.view(batch, heads, room, size)
        moved[:, :, : self.length] = kept[:, :, : self.length]
        is_run = kept.untyped_storage().nbytes() == run.untyped_storage().nbytes()
        self._spare = kept.as_strided((numbers,), (1,)) if is_run else None
        return moved

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int | None
    ) -> Tensor:
        if query.size(1) > 1 or torch.is_grad_enabled():
            return super().attend(layer, query, key, value, mask, window)
        keys, values = (kept.transpose(1, 2).flatten(0, 1) for kept in self.update(layer, key, value, window))
        batch, _, _, size = query.shape
        # [B · kv_heads, queries that share a head of keys, …]: two products that read every key and value once.
        scores = torch.bmm((query * size**-0.5).reshape(len(keys), -1, size), keys.transpose(1, 2))
        if mask is not None:
            scores.view(batch, -1, keys.size(1)).masked_fill_(~mask[:, 0], -torch.inf)
        return torch.bmm(scores.softmax(-1), values).view(batch, 1, -1)
