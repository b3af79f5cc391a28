"""Random swaps of words (Wei and Zou, 2019)."""

from collections.abc import Sequence
from random import Random


def change(words: Sequence[str], draw: Random, rate: float) -> list[str]:
    """Swap two words as often as the rate says of their number, once at least."""
    changed = list(words)
    if len(changed) > 1:
        for _ in range(max(1, round(rate * len(changed)))):
            first, second = draw.sample(range(len(changed)), 2)
            changed[first], changed[second] = changed[second], changed[first]
    return changed
