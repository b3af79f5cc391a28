"""Attention of single tokens of several texts, on processors for which torch chooses slow small products."""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.models.decoder.cache import KVCache
from train.models.decoder.growing_cache import GrowingCache
from train.products import onednn_is_faster


def fastest_cache(device: torch.device, dtype: torch.dtype) -> type[KVCache]:
    """The kind of cache that is read fastest there."""
    if device.type != "cpu":
        return KVCache
    return RowSumCache if dtype == torch.float32 and onednn_is_faster() else GrowingCache


class RowSumCache(GrowingCache):
    """A cache over which attention is two weighted sums of rows: of keys, which lie across for that, and of values.

    MKL makes a small product for each head of each text. The kernel for bags of embeddings, which are such sums, takes
    0.6 to 0.75 times as long on a Zen 4 (docs/benchmarks.md), but longer for the few heads of one text.
    """

    _keys_lie_across = True

    def reorder(self, rows: Tensor) -> None:
        self.keys = [keys.mT for keys in self.keys]  # what is chosen from lies as it is shown
        super().reorder(rows)
        self.keys = [keys.mT for keys in self.keys]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int | None
    ) -> Tensor:
        batch, tokens, heads, size = query.shape
        if batch == 1 or tokens > 1 or torch.is_grad_enabled():
            return super().attend(layer, query, key, value, mask, window)
        self.update(layer, key, value, window)
        keys, values = self.keys[layer].mT.flatten(0, 2), self.values[layer].flatten(0, 2)
        # Which of the B · kv_heads heads each query reads.
        head = torch.arange(batch * heads).unsqueeze(1) // (heads // key.size(2))
        first, room = self._first(window), keys.size(1)
        scores = _sums(keys, head * size + torch.arange(size), query * size**-0.5)[:, first : self.length + 1]
        if mask is not None:
            scores.view(batch, heads, -1).masked_fill_(~mask[:, 0], -torch.inf)
        seen = head * room + torch.arange(first, self.length + 1)
        return _sums(values, seen, scores.softmax(-1)).view(batch, 1, -1)


def _sums(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Of the given rows [N, n] of a table [rows, width], weighted: [N, width]."""
    return F.embedding_bag(rows, table, per_sample_weights=weights.view_as(rows), mode="sum")
