"""What of a document may stand in another one, too: paragraphs, lines, sentences and passages of any words.

A unit gives the hashes of a text's parts, numbered from 0, and says where parts with some numbers stand.
"""

from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np

from data_prep.dedup.units.passages import Passages
from data_prep.dedup.units.stretches import Lines, Paragraphs, Sentences
from pipeline.config.clean import DeduplicateConfig


class Unit(Protocol):
    """A way to take a text apart."""

    name: ClassVar[str]
    """In English, plural: what the tally counts, and how its files are called."""

    def hashes(self, text: str) -> np.ndarray:
        """Of each part, uint64: equal for equal ones; 0 for one that stays, whatever it equals."""
        ...

    def spans(self, text: str, numbers: np.ndarray) -> list[tuple[int, int]]:
        """Where parts begin and end in the text, in order. Args: numbers: ascending."""
        ...


UNITS: dict[str, Callable[[DeduplicateConfig], Unit]] = {
    Paragraphs.name: lambda config: Paragraphs(config.min_paragraph_chars),
    Lines.name: lambda config: Lines(config.min_line_chars),
    Sentences.name: lambda config: Sentences(config.min_sentence_chars),
    Passages.name: lambda config: Passages(config.passage_words),
}


def units(config: DeduplicateConfig) -> list[Unit]:
    """Those that are compared."""
    return [make(config) for name, make in UNITS.items() if getattr(config, name)]
