"""Random deletion of words (Wei and Zou, 2019)."""

from collections.abc import Sequence
from random import Random


def change(words: Sequence[str], draw: Random, rate: float) -> list[str]:
    """Each word is left out with the rate's probability; one stays always."""
    kept = [word for word in words if draw.random() >= rate]
    return kept or [draw.choice(words)]
