"""What the filters look at in a text: kinds of characters, words, sentences. Linear time, bounded memory."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from data_prep.line_features import Lines
from data_prep.ngrams import NgramRepetition, ngram_repetition
from data_prep.words import UNSPACED_RANGES

_SLICE = 1 << 18
_STOP_WORDS = re.compile(r"\b(?:[Tt]he|[Bb]e|[Tt]o|[Oo]f|[Aa]nd|[Tt]hat|[Hh]ave|[Ww]ith)\b")
"""Gopher's (Rae et al., 2021, appendix A.1)."""
# Quotation marks and brackets may close behind the point. Scripts without spaces have none behind it.
_SENTENCE_END = re.compile(r"[.!?]['\")\]”’»]*+(?!\S)|[。！？।؟]")

LETTER, UNSPACED, DIGIT, _PUNCTUATION, _SPACE, _SYMBOL = range(6)
"""Kinds of characters; an unspaced one is a letter of a script without spaces between words."""
_KINDS = {"L": LETTER, "M": LETTER, "N": DIGIT, "P": _PUNCTUATION}


def _classify_characters() -> np.ndarray:
    """The kind of every code point. Planes 2 and 3 are Han throughout; above them nothing is text."""
    table = np.full(0x110000, _SYMBOL, dtype=np.uint8)
    for code in range(0x20000):
        character = chr(code)
        kind = _KINDS.get(unicodedata.category(character)[0], _SYMBOL)
        table[code] = _SPACE if character.isspace() else kind
    table[0x20000:0x40000] = UNSPACED
    for first, last in UNSPACED_RANGES:
        block = table[first : last + 1]
        block[block == LETTER] = UNSPACED
    return table


KIND_OF = _classify_characters()
"""Of each code point, uint8."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """The size of a text."""

    bytes: int
    """In UTF-8."""
    characters: int
    words: int
    """Runs of characters other than white space, as `str.split` finds them."""
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
            yield KIND_OF[np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)]

    @cached_property
    def _scan(self) -> tuple[list[int], int]:
        """Characters of each kind, and runs of characters other than white space."""
        kinds_total = np.zeros(6, dtype=np.int64)
        words, in_word = 0, False
        for kinds in self._kinds():
            kinds_total += np.bincount(kinds, minlength=6)
            count, in_word = _runs(kinds != _SPACE, in_word)
            words += count
        return kinds_total.tolist(), words

    def counts(self) -> TextCounts:
        text = self.text
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return TextCounts(size, len(text), self._scan[1], text.count("\n"))

    @property
    def _visible(self) -> int:
        return max(self.characters - self._scan[0][_SPACE], 1)

    @property
    def words(self) -> int:
        """Where a script has no spaces between words, every character counts as one."""
        return self._scan[1] + self._scan[0][UNSPACED]

    @cached_property
    def alpha_words(self) -> float:
        """Share of the words that hold a letter, of those with a letter or a digit: a dash is no word."""
        with_letter = with_either = 0
        after_letter = after_either = False
        for kinds in self._kinds():
            # Of spaces and letters alone, each letter behind a space is the first of its word.
            count, after_letter = _runs(
                kinds[(kinds <= UNSPACED) | (kinds == _SPACE)] != _SPACE, after_letter
            )
            with_letter += count
            count, after_either = _runs(kinds[(kinds <= DIGIT) | (kinds == _SPACE)] != _SPACE, after_either)
            with_either += count
        characters = self._scan[0][UNSPACED]
        return (with_letter + characters) / max(with_either + characters, 1)

    @property
    def is_unspaced(self) -> bool:
        """Whether most letters are of a script without spaces."""
        return self._scan[0][UNSPACED] > self._scan[0][LETTER]

    @property
    def mean_word_length(self) -> float:
        return self._visible / max(self.words, 1)

    @property
    def symbol_ratio(self) -> float:
        return self._scan[0][_SYMBOL] / self._visible

    @property
    def alpha_ratio(self) -> float:
        kinds = self._scan[0]
        return (kinds[LETTER] + kinds[UNSPACED]) / self._visible

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
        return sum(1 for _ in islice(_SENTENCE_END.finditer(self.text), count)) == count

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
