"""The keys and values that generation keeps on a CPU, and attention over them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.models.decoder.cache import KVCache

ROOM = 16
"""Tokens for which a layer gets room when it has none left."""


class GrowingCache(KVCache):
    """A cache with hardly more room than what was read takes: a CPU reads what lies in one run faster than pieces."""

    def _room(self, capacity: int) -> int:
        return 0

    def update(
        self, layer: int, key: Tensor, value: Tensor, window: int | None = None
    ) -> tuple[Tensor, Tensor]:
        room, end = self.keys[layer].size(2), self.length + key.size(1)
        if end > room:
            more = (0, 0, 0, min(end + ROOM, self.capacity) - room)
            for kept in (self.keys, self.values):
                kept[layer] = F.pad(kept[layer], more)
        return super().update(layer, key, value, window)

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int | None
    ) -> Tensor:
        if query.size(1) > 1 or torch.is_grad_enabled():
            return super().attend(layer, query, key, value, mask, window)
        keys, values = (kept.transpose(1, 2).flatten(0, 1) for kept in self.update(layer, key, value, window))
        batch, _, _, size = query.shape
        # [B · kv_heads, queries that share a head of keys, …]: two products that read every key and value once.
        scores = torch.bmm((query * size**-0.5).view(len(keys), -1, size), keys.transpose(1, 2))
        if mask is not None:
            scores.view(batch, -1, keys.size(1)).masked_fill_(~mask[:, 0], -torch.inf)
        return torch.bmm(scores.softmax(-1), values).view(batch, 1, -1)
