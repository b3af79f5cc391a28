"""Hashes of all runs of so many words of a text, without a Python loop over words."""

import numpy as np

from data_prep.text.characters import FOLDED, GOES_WITH, ROLE_OF, code_points
from data_prep.text.mixing import mix

_SLICE = 1 << 16
"""Characters hashed at a time. A longer word counts as several."""
_BASE = 0x9E3779B97F4A7C15
_WINDOW_BASE = np.uint64(0xD6E8FEB86659FD93)


_ROLE = np.uint32(24)
"""Bits below a character's role: the highest code point has 21."""
_GOES_WITH, _IS = np.uint32(GOES_WITH), np.uint32(((1 << GOES_WITH) - 1) << 24)
_FOLDED = np.where(ROLE_OF == 0, np.uint32(0), FOLDED | ROLE_OF.astype(np.uint32) << _ROLE)
"""Each code point's own lower case and its role in a word; 0 where it belongs to none."""


def _powers(base: int) -> np.ndarray:
    factors = np.full(_SLICE, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


_POWERS = _powers(_BASE)
_INVERSE_POWERS = _powers(pow(_BASE, -1, 1 << 64))


def word_hashes(text: str) -> np.ndarray:
    """A uint64 for each word: a run of letters and digits, whose case does not matter.

    Where a script has no spaces, every letter is a word, with its marks. Of a text without any, every character other
    than white space is one, so that no text has none.
    """
    found: list[np.ndarray] = []
    start = 0
    while start < len(text):
        folded = _FOLDED.take(
            code_points(text[start : start + _SLICE]), mode="clip"
        )  # unchecked: all are in range
        in_words = folded != 0
        begins = in_words.copy()
        begins[1:] &= (folded[1:] >> _GOES_WITH) & folded[:-1] & _IS == 0
        positions = np.flatnonzero(begins)
        used = len(folded)
        if start + used < len(text) and in_words[-1] and positions[-1] > 0:
            used = int(positions[-1])  # the word may go on: it belongs to the next slice
            positions = positions[:-1]
        if len(positions):
            # Of a word at p: sum of c[p + i] * base^(p + i), times base^-p. What stands between words is 0.
            sums = np.add.reduceat(folded[:used] * _POWERS[:used], positions)
            found.append(mix(sums * _INVERSE_POWERS[positions]))
        start += used
    if not found:
        return mix(code_points("".join(text.split()) or " ").astype(np.uint64))
    return np.concatenate(found)


def shingles(text: str, words: int) -> np.ndarray:
    """A uint64 for each run of `words` words, in order, repeated ones repeated; for all there are if they are fewer.

    See `word_hashes` for what a word is. Never empty.
    """
    hashes = word_hashes(text)
    words = min(words, len(hashes))
    count = len(hashes) - words + 1
    sums = hashes[:count].copy()
    for place in range(1, words):
        sums *= _WINDOW_BASE
        sums += hashes[place : place + count]
    return mix(sums)
