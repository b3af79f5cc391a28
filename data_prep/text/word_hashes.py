"""The words of a text as 64-bit hashes, for everything that compares texts by n-grams. Vectorized."""

import re

import numpy as np

from data_prep.text.characters import FOLDED, GOES_WITH, ROLE_OF, code_points
from data_prep.text.mixing import mix

UNKNOWN = np.uint64(0)
"""The hash of `<unk>`, which stands for a word that nobody knows any more."""

_UNKNOWN_WORD = "<unk>"
_SLICE = 1 << 18
"""Characters hashed at a time: memory per character stays small for a huge text."""
_CUT = re.compile(r"\s")

_LAST_CODE = 0x3FFFF
"""No character; above it nothing is text."""
_ROLE_OF = ROLE_OF[: _LAST_CODE + 1]
_NUMBER_OF = mix(FOLDED[: _LAST_CODE + 1].astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
"""A random number for each code point, letters' cases alike, uint64. With an offset, or 0 would stay 0."""
# Longer words see the weights again; no two of them differ in nothing else.
_WEIGHTS = np.cumprod(np.full(256, 0xD1342543DE82EF95, dtype=np.uint64))


def word_hashes(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The words of a text: runs of letters, marks and digits, case folded. All else separates words.

    A letter of a script without spaces (Han, Kana, Thai, …) is a word, with its marks. So WikiText's ` @-@ ` and spaced
    punctuation give the words of ordinary text. Equal words have equal hashes in every process and version of
    Python; of different ones a pair in 2^64 has.

    Returns:
        hashes: uint64 [n]; `UNKNOWN` for `<unk>`, for nothing else.
        starts, ends: int64 [n], where each word begins and ends in the text, in characters.
    """
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    start = 0
    while start < len(text):
        end = start + _SLICE
        found = _CUT.search(text, end)
        end = found.start() if found else len(text)
        pieces.append(_slice_hashes(text[start:end], start))
        start = end
    if not pieces:
        return np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
    hashes, starts, ends = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    position = text.find(_UNKNOWN_WORD)
    unknown = []
    while position >= 0:
        unknown.append(position + 1)
        position = text.find(_UNKNOWN_WORD, position + 1)
    hashes[np.searchsorted(starts, unknown)] = UNKNOWN
    return hashes, starts, ends


def _slice_hashes(text: str, offset: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes = np.minimum(code_points(text), _LAST_CODE)
    roles = _ROLE_OF[codes]
    first = roles != 0
    last = first.copy()
    inside = np.flatnonzero(first)
    joined = ((roles[1:] >> GOES_WITH) & roles[:-1]) != 0
    first[1:] &= ~joined
    last[:-1] &= ~joined
    starts, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
    if not len(starts):
        return np.empty(0, np.uint64), starts, ends
    lengths = ends - starts
    offsets = np.cumsum(lengths) - lengths
    position = np.arange(len(inside)) - np.repeat(offsets, lengths)
    terms = _NUMBER_OF[codes[inside]] * _WEIGHTS[position & 255]
    hashes = mix(np.add.reduceat(terms, offsets))
    return np.maximum(hashes, np.uint64(1)), starts + offset, ends + offset
