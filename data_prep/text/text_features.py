"""What the filters look at in a text: kinds of characters, words, sentences. Linear time, bounded memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_prep.text.characters import (
    DIGIT,
    KIND_OF,
    KINDS,
    LETTER,
    SPACE,
    SYMBOL,
    UNSPACED,
    UNSPACED_MARK,
    code_points,
)
from data_prep.text.line_features import Lines
from data_prep.text.ngrams import NgramRepetition, ngram_repetition
from pipeline.text.sentences import has_sentences

_SLICE = 1 << 18
_STOP_WORDS = re.compile(r"\b(?:[Tt]he|[Bb]e|[Tt]o|[Oo]f|[Aa]nd|[Tt]hat|[Hh]ave|[Ww]ith)\b")
"""Gopher's (Rae et al., 2021, appendix A.1)."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """The size of a text."""

    bytes: int
    """In UTF-8."""
    characters: int
    words: int
    """As published figures count them, see `pipeline.text.words.count_words`."""
    lines: int
    """Line ends."""


class Features:
    """What the filters look at, computed when first asked for."""

    def __init__(self, text: str, invalid: int = 0):
        """Args: invalid: how many characters stand for bytes that were not UTF-8."""
        self.text = text
        self.characters = len(text)
        self.invalid_ratio = invalid / max(len(text), 1)

    def _kinds(self) -> Iterator[np.ndarray]:
        """The kind of each character, a slice of the text at a time."""
        for start in range(0, self.characters, _SLICE):
            piece = self.text[start : start + _SLICE]
            yield KIND_OF[code_points(piece)]

    @cached_property
    def _scan(self) -> tuple[list[int], int]:
        """Characters of each kind, and runs of characters other than white space."""
        kinds_total = np.zeros(KINDS, dtype=np.int64)
        runs = (0, False)
        for kinds in self._kinds():
            kinds_total += np.bincount(kinds, minlength=KINDS)
            runs = _count_on(kinds != SPACE, runs)
        return kinds_total.tolist(), runs[0]

    def counts(self) -> TextCounts:
        text = self.text
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        words = self.words if self.is_unspaced else self._scan[1]
        return TextCounts(size, len(text), words, text.count("\n"))

    @property
    def _visible(self) -> int:
        return max(self.characters - self._scan[0][SPACE], 1)

    @cached_property
    def words(self) -> int:
        """As many as `split_words` finds: where a script has no spaces between words, every letter is one."""
        kinds, runs = self._scan
        if not self.has_unspaced:
            return runs
        _, with_either, with_any = self._word_runs
        return kinds[UNSPACED] + with_either + runs - with_any

    @cached_property
    def _word_runs(self) -> tuple[int, int, int]:
        """Words with a letter, and with a letter or a digit, but for those of scripts without spaces; and how many runs
        of characters other than white space are more than punctuation."""
        letters, either, anything = (0, False), (0, False), (0, False)
        for kinds in self._kinds():
            # Without what is neither: punctuation between two letters does not make two words.
            kinds = kinds[kinds <= DIGIT]
            letters = _count_on(kinds[kinds != DIGIT] == LETTER, letters)
            either = _count_on(kinds >= LETTER, either)
            anything = _count_on(kinds != SPACE, anything) if self.has_unspaced else either
        return letters[0], either[0], anything[0]

    @cached_property
    def alpha_words(self) -> float:
        """Share of the words that hold a letter, of those with a letter or a digit: a dash is no word."""
        characters = self._scan[0][UNSPACED]
        with_letter, with_either, _ = self._word_runs
        return (with_letter + characters) / max(with_either + characters, 1)

    @property
    def has_unspaced(self) -> bool:
        """Whether a letter is of a script without spaces."""
        return self._scan[0][UNSPACED] > 0

    @property
    def is_unspaced(self) -> bool:
        """Whether most letters are of a script without spaces."""
        return self._scan[0][UNSPACED] > self._scan[0][LETTER]

    @property
    def mean_word_length(self) -> float:
        return self._visible / max(self.words, 1)

    @property
    def symbol_ratio(self) -> float:
        return self._scan[0][SYMBOL] / self._visible

    @property
    def alpha_ratio(self) -> float:
        kinds = self._scan[0]
        return (kinds[LETTER] + kinds[UNSPACED] + kinds[UNSPACED_MARK]) / self._visible

    @property
    def hashes(self) -> int:
        return self.text.count("#")

    @property
    def ellipses(self) -> int:
        return self.text.count("…") + self.text.count("...")

    def has_english_stop_words(self, count: int) -> bool:
        """Whether as many different ones occur."""
        found = set()
        for match in _STOP_WORDS.finditer(self.text):
            found.add(match[0].lower())
            if len(found) >= count:
                return True
        return False

    def has_sentences(self, count: int) -> bool:
        """Whether as many sentences end, abbreviations included."""
        return has_sentences(self.text, count)

    @cached_property
    def lines(self) -> Lines:
        return Lines(self.text)

    @cached_property
    def ngrams(self) -> NgramRepetition:
        return ngram_repetition(self.text, self.is_unspaced)


def _count_on(inside: np.ndarray, so_far: tuple[int, bool]) -> tuple[int, bool]:
    """How many runs have begun by the end of a slice, and whether one goes on behind it, from the same before it."""
    runs, was_inside = so_far
    if not len(inside):
        return so_far
    begun = int(np.count_nonzero(inside[1:] & ~inside[:-1])) + int(inside[0] and not was_inside)
    return runs + begun, bool(inside[-1])
