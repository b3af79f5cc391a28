"""Paragraphs, lines and sentences: stretches of a text from one break to the next."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from data_prep.dedup.digest import digest
from pipeline.text.sentences import sentences

_BLANK_LINES = re.compile(r"\n\s*\n")
_LINE = re.compile(r"[^\n]+")


class Stretches(ABC):
    """Equal, white space and case aside, are those with the same first 64 bits of their digest. These are enough: in a
    corpus of 10^11 stretches about 300 go because they agree with another one by chance."""

    name: ClassVar[str]

    def __init__(self, min_chars: int):
        """Args: min_chars: shorter ones stay."""
        self._min_chars = min_chars

    @abstractmethod
    def split(self, text: str) -> Iterator[tuple[int, int]]:
        """Where each begins and ends, in order."""

    def hashes(self, text: str) -> np.ndarray:
        found = (
            digest(text[start:end])[:8] if end - start >= self._min_chars else bytes(8)
            for start, end in self.split(text)
        )
        return np.frombuffer(b"".join(found), dtype="<u8")

    def spans(self, text: str, numbers: np.ndarray) -> list[tuple[int, int]]:
        found = list(self.split(text))
        return [found[number] for number in numbers.tolist()]


class Paragraphs(Stretches):
    """What blank lines separate."""

    name = "paragraphs"

    def split(self, text: str) -> Iterator[tuple[int, int]]:
        start = 0
        for gap in _BLANK_LINES.finditer(text):
            yield start, gap.start()
            start = gap.end()
        yield start, len(text)


class Lines(Stretches):
    name = "lines"

    def split(self, text: str) -> Iterator[tuple[int, int]]:
        return (line.span() for line in _LINE.finditer(text))


class Sentences(Stretches):
    name = "sentences"

    def split(self, text: str) -> Iterator[tuple[int, int]]:
        return sentences(text)
