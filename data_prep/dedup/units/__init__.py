"""What of a document may stand in another one, too: paragraphs, lines, sentences and passages of any words.

A unit gives the hashes of a text's parts, numbered from 0, and says where parts with some numbers stand.
"""

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


UNITS = ("paragraphs", "lines", "sentences", "passages")


def units(config: DeduplicateConfig) -> list[Unit]:
    """Those that are compared."""
    every: list[Unit] = [
        Paragraphs(config.min_paragraph_chars),
        Lines(config.min_line_chars),
        Sentences(config.min_sentence_chars),
        Passages(config.passage_words),
    ]
    return [unit for unit in every if getattr(config, unit.name)]
