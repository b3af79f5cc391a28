"""How much of a text is n-grams that repeat, for all n of Gopher's rules at once (Rae et al., 2021, table A1)."""

from dataclasses import dataclass

import numpy as np

from pipeline.text.words import split_words

TOP = range(2, 5)
REPEATED = range(5, 11)
_CHARACTERS_EXAMINED = 4_000_000
"""A document is judged by its beginning, so that a huge one needs little memory."""
_UNSPACED_WORD = 2
"""Characters of a word in a script without spaces, about: Chinese has 1.5, Japanese more."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class NgramRepetition:
    """Shares of the characters that are not white space, by n."""

    top: dict[int, float]
    """In the most frequent n-gram, the longest of several; 0 where none comes twice."""
    repeated: dict[int, float]
    """In n-grams that stood in the text before, each character counted once."""


def ngram_repetition(text: str, is_unspaced: bool = False) -> NgramRepetition:
    """Compare the n-grams of `text` by 64-bit hashes.

    Only where an n-gram is repeated can one of n + 1 words be: after the pairs few positions are left to look at.

    Args:
        is_unspaced: whether its script has no spaces; two characters are then taken for a word.
    """
    words = split_words(text[:_CHARACTERS_EXAMINED])
    count = len(words)
    word_hashes = np.fromiter(map(hash, words), dtype=np.int64, count=count).view(np.uint64)
    ends = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=count), out=ends[1:])
    characters = max(int(ends[-1]), 1)

    top, repeated = dict.fromkeys(TOP, 0.0), dict.fromkeys(REPEATED, 0.0)
    positions, hashes = np.arange(count), word_hashes
    per_word = _UNSPACED_WORD if is_unspaced else 1
    for length in range(2, per_word * REPEATED[-1] + 1):
        inside = positions + length <= count
        positions = positions[inside]
        hashes = hashes[inside] * _MULTIPLIER + word_hashes[positions + (length - 1)]
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        as_before = np.zeros(len(order), dtype=bool)
        np.equal(ordered[1:], ordered[:-1], out=as_before[1:])
        if not as_before.any():
            break
        n, rest = divmod(length, per_word)
        if rest == 0 and n in TOP:
            firsts = np.flatnonzero(~as_before)
            sizes = np.diff(firsts, append=len(order))
            most = positions[order[firsts[sizes == sizes.max()]]]
            top[n] = int(sizes.max() * (ends[most + length] - ends[most]).max()) / characters
        elif rest == 0 and n in REPEATED:
            repeated[n] = _covered(positions[order[as_before]], length, ends) / characters
        twice = as_before.copy()
        twice[:-1] |= as_before[1:]
        left = np.sort(order[twice])
        positions, hashes = positions[left], hashes[left]
    return NgramRepetition(top, repeated)


def _covered(starts: np.ndarray, n: int, ends: np.ndarray) -> int:
    """Characters of the words in any of the n-grams that begin at `starts`, which are all different."""
    starts = np.sort(starts)
    stops = starts + n
    np.minimum(stops[:-1], starts[1:], out=stops[:-1])
    return int((ends[stops] - ends[starts]).sum())
