"""Runs of words."""

from collections.abc import Sequence


def ngrams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """All runs of `order` words, in order; none where the text has fewer words."""
    return [tuple(words[start : start + order]) for start in range(len(words) - order + 1)]
