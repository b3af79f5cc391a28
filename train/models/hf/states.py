"""What a model of `transformers` remembers of the tokens it has read: its key-value cache, or the tokens themselves."""

from collections.abc import Callable, Container
from typing import Any, cast

import torch
from torch import Tensor
from transformers import DynamicCache


class KeyValueCache:
    """A `transformers` cache and the left padding of its rows."""

    def __init__(self, padding: Tensor | None = None):
        self.cache = DynamicCache()
        self.padding = padding
        self.length = 0

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        self.cache.reorder_cache(cast(torch.LongTensor, rows))
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)

    def advance(self, input_ids: Tensor, accepts: Container[str]) -> dict[str, Any]:
        """Arguments with which a model that accepts such arguments reads on; the tokens count as read."""
        end = self.length + input_ids.size(1)
        inputs: dict[str, Any] = {"past_key_values": self.cache, "use_cache": True}
        if self.padding is not None:
            index = torch.arange(end, device=input_ids.device)[None]
            inputs["attention_mask"] = (index >= self.padding[:, None]).long()
            if "position_ids" in accepts:
                positions = (index - self.padding[:, None]).clamp_(min=0)
                inputs["position_ids"] = positions[:, self.length :]
        self.length = end
        return inputs


class Rereading:
    """The tokens read so far, which are read again for each new one: for models that keep another state than a
    key-value cache. The cost grows with the square of the length."""

    def __init__(self, batch_size: int, padding: Tensor | None, device: torch.device):
        """Args: padding: int64 [B], tokens of padding at the left of each row."""
        self._ids = torch.empty(batch_size, 0, dtype=torch.int64, device=device)
        self._padding = (
            torch.zeros(batch_size, dtype=torch.int64, device=device) if padding is None else padding
        )

    @property
    def length(self) -> int:
        return self._ids.size(1)

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows (int64 [new batch]), in that order."""
        self._ids, self._padding = self._ids.index_select(0, rows), self._padding.index_select(0, rows)

    def read_on(self, input_ids: Tensor, read: Callable[[Tensor], Tensor]) -> Tensor:
        """What `read` (int64 [B, T] → [B, T, …]) gives at `input_ids`, which then count as read."""
        before = self.length
        self._ids = torch.cat([self._ids, input_ids], 1)
        places = torch.arange(self.length, device=input_ids.device)
        # The padding goes to the right end, where it needs no mask: nothing is read after it.
        turned = self._ids.gather(1, (places + self._padding[:, None]) % self.length)
        rows = torch.arange(len(turned), device=input_ids.device)[:, None]
        return read(turned)[rows, (places[before:] - self._padding[:, None]).clamp_(min=0)]
