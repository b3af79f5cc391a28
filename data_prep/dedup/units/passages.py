"""Passages: all runs of so many words. Every longer repeated run is a union of such."""

import unicodedata
from typing import ClassVar

import numpy as np

from data_prep.text.window_hashes import window_hashes
from data_prep.text.word_hashes import placed_words
from pipeline.splitmix import mix

_OPENING = ("Ps", "Pi")
"""Unicode's categories of brackets and quotation marks that belong to what follows."""


class Passages:
    """Passage *n* begins at word *n*. Equal are those with the same words, by hashes of 64 bits: in a corpus of 10^10
    words 3 passages go because they agree with another one by chance."""

    name: ClassVar[str] = "passages"

    def __init__(self, words: int):
        """Args: words: of a passage."""
        self._words = words

    def hashes(self, text: str) -> np.ndarray:
        words = placed_words(text).hashes
        first = np.arange(max(len(words) - self._words + 1, 0))
        return mix(window_hashes(words, first, first + self._words))

    def spans(self, text: str, numbers: np.ndarray) -> list[tuple[int, int]]:
        """Passages that overlap or touch are one span; what punctuation belongs to their words is in it."""
        if not len(numbers):
            return []
        _, starts, ends = placed_words(text)
        breaks = np.flatnonzero(np.diff(numbers) > self._words) + 1
        first, last = (
            numbers[np.insert(breaks, 0, 0)],
            numbers[np.append(breaks, len(numbers)) - 1] + self._words - 1,
        )
        return [
            (_opened(text, start), _closed(text, end))
            for start, end in zip(starts[first].tolist(), ends[last].tolist(), strict=True)
        ]


def _opened(text: str, start: int) -> int:
    """With what opens a quotation or bracket right before the first word."""
    while start and unicodedata.category(text[start - 1]) in _OPENING:
        start -= 1
    return start


def _closed(text: str, end: int) -> int:
    """With the punctuation right behind the last word."""
    while end < len(text) and unicodedata.category(text[end])[0] in "PS":
        if unicodedata.category(text[end]) in _OPENING:
            break
        end += 1
    return end
