"""What the filters look at in a text: kinds of characters, words, sentences. Linear time, bounded memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data_prep.characters import (
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
from data_prep.line_features import Lines
from data_prep.ngrams import NgramRepetition, ngram_repetition
from pipeline.sentences import has_sentences

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
    """As published figures count them, see `pipeline.words.count_words`."""
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
        words, in_word = 0, False
        for kinds in self._kinds():
            kinds_total += np.bincount(kinds, minlength=KINDS)
            count, in_word = _runs(kinds != SPACE, in_word)
            words += count
        return kinds_total.tolist(), words

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
        if not kinds[UNSPACED]:
            return runs
        with_either, runs_with_any = self._runs_of_words
        return kinds[UNSPACED] + with_either + runs - runs_with_any

    @cached_property
    def _runs_of_words(self) -> tuple[int, int]:
        """Words that hold a letter or a digit, those of scripts without spaces left out; and how many of the runs of
        characters other than white space hold any word."""
        words = runs = 0
        in_word = in_run = False
        for kinds in self._kinds():
            # Without what is neither: punctuation between two letters does not make two words.
            kinds = kinds[kinds <= SPACE]
            count, in_word = _runs(kinds <= DIGIT, in_word)
            words += count
            count, in_run = _runs(kinds != SPACE, in_run)
            runs += count
        return words, runs

    @cached_property
    def alpha_words(self) -> float:
        """Share of the words that hold a letter, of those with a letter or a digit: a dash is no word."""
        with_letter, in_word = 0, False
        for kinds in self._kinds():
            # Of letters and what ends words, each letter behind such an end is the first of its word.
            count, in_word = _runs(kinds[(kinds <= SPACE) & (kinds != DIGIT)] == LETTER, in_word)
            with_letter += count
        characters = self._scan[0][UNSPACED]
        return (with_letter + characters) / max(self._runs_of_words[0] + characters, 1)

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


def _runs(inside: np.ndarray, was_inside: bool) -> tuple[int, bool]:
    """How many runs begin in a slice, and whether one goes on behind it."""
    if not len(inside):
        return 0, was_inside
    begun = int(np.count_nonzero(inside[1:] & ~inside[:-1])) + int(inside[0] and not was_inside)
    return begun, bool(inside[-1])
