"""What ends a continuation: tokens, and texts that the tokenizer has no single token for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Decode = Callable[[Sequence[int]], str]
"""Token ids → text."""


def decoder(tokenizer: "PreTrainedTokenizerBase") -> Decode:
    """The tokenizer's way back from ids to text, special tokens included."""
    return cast(Decode, tokenizer.decode)  # of one row of ids it makes one text


@dataclass(frozen=True)
class Stops:
    """Ends of a continuation before its longest length."""

    ids: list[int]
    texts: list[str] = field(default_factory=list)

    def watch(self, device: torch.device, decode: Decode | None = None) -> Callable[[Tensor], Tensor]:
        """A function that says whether the last of each row's tokens ends it: int64 [..., T] to bool [...].

        Args:
            decode: from token ids to text; needed where there are texts.
        """
        ids = torch.tensor(self.ids, dtype=torch.long, device=device)

        def ended(tokens: Tensor) -> Tensor:
            found = torch.isin(tokens[..., -1], ids)
            if not self.texts:
                return found
            rows = tokens[..., -self._reach :].flatten(0, -2).tolist()
            spelled = [self.end(row, decode) for row in rows]
            return found | torch.tensor(spelled, device=device).view(found.shape)

        return ended

    def end(self, ids: Sequence[int], decode: Decode | None) -> bool:
        """Whether the last of a row's tokens ends it.

        Args:
            decode: as for `watch`.
        """
        if ids[-1] in self.ids or not self.texts:
            return ids[-1] in self.ids
        assert decode is not None  # asked for where there are texts
        written = decode(ids[-self._reach :])
        return any(text in written for text in self.texts)

    @property
    def _reach(self) -> int:
        """How many tokens at the end may spell a text: a token of text is a byte at least."""
        return max((len(text.encode()) for text in self.texts), default=0)

    def held_back(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of one that ends it."""
        starts = (stop[:size] for stop in self.texts for size in range(1, len(stop)))
        return max((len(start) for start in starts if text.endswith(start)), default=0)

    @property
    def endings(self) -> int:
        """How many tokens may end a continuation at one place: of a text its last token, alone or with what follows
        in the same token, of which few are likely."""
        return len(self.ids) + 4 * len(self.texts)

    def cut_ids(self, ids: list[int]) -> list[int]:
        """The ids before the first that ends a continuation by itself."""
        return ids[: next((place for place, token in enumerate(ids) if token in self.ids), len(ids))]

    def cut_text(self, text: str) -> str:
        """The text before the first text that ends a continuation."""
        return text[: min((text.find(stop) for stop in self.texts if stop in text), default=len(text))]
