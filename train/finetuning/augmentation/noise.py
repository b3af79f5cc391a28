"""Character noise as of hasty typing: neighbours change places, letters are left out or come twice (Belinkov and Bisk,
2018)."""

from collections.abc import Sequence
from random import Random


def change(words: Sequence[str], draw: Random, rate: float) -> list[str]:
    """Each word of two characters or more is misspelled once with the rate's probability."""
    return [_misspelled(word, draw) if len(word) > 1 and draw.random() < rate else word for word in words]


def _misspelled(word: str, draw: Random) -> str:
    place = draw.randrange(len(word) - 1)
    before, pair, after = word[:place], word[place : place + 2], word[place + 2 :]
    return before + draw.choice([pair[::-1], pair[1:], pair[0] + pair]) + after
