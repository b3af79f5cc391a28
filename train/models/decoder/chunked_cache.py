"""The keys and values that generation keeps on a CPU, and attention over them."""

import torch
from torch import Tensor

from train.models.decoder.cache import KVCache

CHUNK = 16
"""Tokens whose keys, of all rows and heads, lie side by side."""


class ChunkedCache(KVCache):
    """A cache in chunks of tokens, [layers, chunks, batch, kv_heads, tokens of a chunk, head_size].

    So what was read lies in one run, which a CPU gets from memory at twice the speed of one that has room for later
    tokens after each head.
    """

    ROWS = 2

    def _shape(
        self, layers: int, batch_size: int, kv_heads: int, capacity: int, head_size: int
    ) -> tuple[int, ...]:
        return layers, -(-capacity // CHUNK), batch_size, kv_heads, CHUNK, head_size

    def update(
        self, layer: int, key: Tensor, value: Tensor, window: int | None = None
    ) -> tuple[Tensor, Tensor]:
        self._append(self.keys[layer], key)
        self._append(self.values[layer], value)
        if self.length == 0:
            return key, value
        seen = slice(self._first(window), self.length + key.size(1))
        return _tokens(self.keys[layer], seen), _tokens(self.values[layer], seen)

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, window: int | None
    ) -> Tensor:
        if query.size(1) > 1 or torch.is_grad_enabled():
            return super().attend(layer, query, key, value, mask, window)
        self._append(self.keys[layer], key)
        self._append(self.values[layer], value)
        return self._attend_once(layer, query, mask, self._first(window))

    def _append(self, kept: Tensor, new: Tensor) -> None:
        """Write new keys or values [B, T, kv_heads, head_size] behind those of a layer [chunks, B, kv_heads, …]."""
        done = 0
        while done < new.size(1):
            chunk, start = divmod(self.length + done, CHUNK)
            part = new[:, done : done + CHUNK - start].transpose(1, 2)
            kept[chunk, :, :, start : start + part.size(2)] = part
            done += part.size(2)

    def _attend_once(self, layer: int, query: Tensor, mask: Tensor | None, first: int) -> Tensor:
        """Attention of one query per row [B, 1, heads, head_size] to the tokens from the first it sees, in small
        products that a CPU makes at the speed of its memory."""
        batch, _, heads, size = query.shape
        kv_heads = self.keys.size(3)
        end, skipped = self.length + 1, first // CHUNK
        used = slice(skipped, -(-end // CHUNK))
        chunks = used.stop - skipped
        first, end = first - skipped * CHUNK, end - skipped * CHUNK
        keys, values = (kept[layer, used].flatten(0, 2) for kept in (self.keys, self.values))
        # [chunks · B · kv_heads, queries that share a head of keys, …]
        queries = (query * size**-0.5).reshape(1, batch * kv_heads, -1, size).expand(chunks, -1, -1, -1)
        scores = torch.bmm(queries.flatten(0, 1), keys.transpose(1, 2))
        scores = scores.unflatten(0, (chunks, -1)).movedim(0, 2).reshape(batch, heads, chunks * CHUNK)
        if mask is not None:
            scores[..., first:end].masked_fill_(~mask[:, 0], -torch.inf)
        scores[..., :first] = -torch.inf
        scores[..., end:] = -torch.inf
        weights = scores.softmax(-1).view(batch * kv_heads, -1, chunks, CHUNK)
        mixed = torch.bmm(weights.movedim(2, 0).flatten(0, 1), values)
        return mixed.view(chunks, batch, -1).sum(0)[:, None]


def _tokens(kept: Tensor, seen: slice) -> Tensor:
    """Some tokens' keys or values of a layer, [B, tokens, kv_heads, head_size]."""
    skipped = seen.start // CHUNK
    chunks = kept[skipped : -(-seen.stop // CHUNK)].permute(1, 0, 3, 2, 4).flatten(1, 2)
    return chunks[:, seen.start - skipped * CHUNK : seen.stop - skipped * CHUNK]
