"""The words of a text as 64-bit hashes, for everything that compares texts by runs of words. Vectorized.

A word is a run of letters, marks and digits, whose case does not matter; all else separates words. A letter of a script
without spaces (Han, Kana, Thai, …) is a word, with its marks. So WikiText's ` @-@ ` and spaced punctuation give the
words of ordinary text. Equal words have equal hashes in every process and version of Python; of different ones a pair
in 2^64 has.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from data_prep.text.characters import (
    DIGIT,
    KIND_OF,
    KINDS,
    LETTER,
    UNSPACED,
    UNSPACED_MARK,
    code_points,
)
from pipeline.splitmix import mix

UNKNOWN = np.uint64(0)
"""The hash of `<unk>`, which stands for a word that nobody knows any more, where places are asked for."""

_UNKNOWN_WORD = "<unk>"
_SLICE = 1 << 16
"""Characters hashed at a time, so that memory per character stays small. A longer word counts as several."""
_BASE = 0x9E3779B97F4A7C15
_ROLE = np.uint32(24)
"""Bits below a character's role: the highest code point has 21."""
_GOES_WITH, _IS = np.uint32(4), np.uint32(0b1111 << 24)
_IS_LETTER, _IS_WORD, _IS_MARK = 1, 2, 4


def _word_characters() -> np.ndarray:
    """Of each code point its own lower case and, above, its role in a word, uint32; 0 where it belongs to none.

    A character continues the word of the one before it where `(role >> _GOES_WITH) & role_before` is not 0: letters and
    digits go with their like, a letter of a script without spaces with none before it, and its marks with any. A
    letter that becomes several when folded stays as it is, so that positions do.
    """
    roles = np.zeros(KINDS, dtype=np.uint32)
    roles[[LETTER, DIGIT]] = _IS_LETTER | _IS_LETTER << 4
    roles[UNSPACED] = _IS_WORD
    roles[UNSPACED_MARK] = _IS_MARK | (_IS_LETTER | _IS_WORD | _IS_MARK) << 4
    folded = np.arange(len(KIND_OF), dtype=np.uint32)
    for code in np.flatnonzero(KIND_OF == LETTER).tolist():
        forms = chr(code).casefold(), chr(code).lower()
        folded[code] = next((ord(form) for form in forms if len(form) == 1), code)
    role = roles[KIND_OF]
    return np.where(role == 0, np.uint32(0), folded | role << _ROLE)


_WORD_CHARACTERS = _word_characters()


def _powers(base: int) -> np.ndarray:
    factors = np.full(_SLICE, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


_POWERS = _powers(_BASE)
_INVERSE_POWERS = _powers(pow(_BASE, -1, 1 << 64))


class PlacedWords(NamedTuple):
    """The words of a text with their places."""

    hashes: np.ndarray
    """uint64 [n]; `UNKNOWN` for `<unk>`, for nothing else."""
    starts: np.ndarray
    """int64 [n], where each word begins, in characters."""
    ends: np.ndarray
    """int64 [n], and where it ends."""


def word_hashes(text: str) -> np.ndarray:
    """The hash of each word, uint64 [n]."""
    found = [_hashes(characters, positions) for _, characters, positions in _slices(text)]
    return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)


def placed_words(text: str) -> PlacedWords:
    """The words with their places."""
    nothing = np.empty(0, dtype=np.int64)
    hashes, starts, ends = [np.empty(0, dtype=np.uint64)], [nothing], [nothing]
    for offset, characters, positions in _slices(text):
        hashes.append(np.maximum(_hashes(characters, positions), np.uint64(1)))
        starts.append(positions + offset)
        # Between two words only what belongs to none is empty: a word has as many characters as are not.
        lengths = np.add.reduceat((characters != 0).astype(np.int64), positions)
        ends.append(positions + lengths + offset)
    words = PlacedWords(np.concatenate(hashes), np.concatenate(starts), np.concatenate(ends))
    position = text.find(_UNKNOWN_WORD)
    unknown = []
    while position >= 0:
        unknown.append(position + 1)
        position = text.find(_UNKNOWN_WORD, position + 1)
    words.hashes[np.searchsorted(words.starts, unknown)] = UNKNOWN
    return words


def _slices(text: str) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Of each slice that holds words: where it begins, its characters as `_word_characters` has them, and where in it
    words begin."""
    start = 0
    while start < len(text):
        # Unchecked, since all are in range.
        characters = _WORD_CHARACTERS.take(code_points(text[start : start + _SLICE]), mode="clip")
        begins = characters != 0
        goes_on = bool(begins[-1])
        begins[1:] &= (characters[1:] >> _GOES_WITH) & characters[:-1] & _IS == 0
        positions = np.flatnonzero(begins)
        used = len(characters)
        if start + used < len(text) and goes_on and positions[-1] > 0:
            used = int(positions[-1])  # the last word belongs to the next slice
            positions = positions[:-1]
        if len(positions):
            yield start, characters[:used], positions
        start += used


def _hashes(characters: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Of a word at p: sum of c[p + i] * base^(p + i), times base^-p. What stands between words is 0."""
    sums = np.add.reduceat(characters * _POWERS[: len(characters)], positions)
    return mix(sums * _INVERSE_POWERS[positions])
