"""The n-grams of words by which texts are compared, as hashes with their place in the text."""

import numpy as np

from data_prep.text.word_hashes import UNKNOWN, placed_words

_BASE = 0x9FB21C651E98DF25
_INVERSE = pow(_BASE, -1, 1 << 64)
_LETTERS_PER_WORD = 2


def ngrams(text: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hashes (uint64 [g]) of the text's n-grams, and where each begins and ends in it (int64 [g]).

    One has `n` words; `2 n` where the first `n` have fewer than two letters each on average. So much is needed
    to say as much: thirteen English words have some 60 letters, but a character of a script without spaces is
    a word here, and thirteen Chinese ones are the name of a committee, or half a sentence. The same goes for
    rows of a table of figures. An n-gram with an unknown word in it is left out.
    """
    words, starts, ends = placed_words(text)
    count = len(words) - n + 1
    if count <= 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
    letters = _running_sum(ends - starts)
    unknown = _running_sum(words == UNKNOWN)
    first = np.arange(count)
    sizes = np.where(letters[n:] - letters[:count] < _LETTERS_PER_WORD * n, 2 * n, n)
    past = first + sizes
    first, past = first[past <= len(words)], past[past <= len(words)]
    known = unknown[past] == unknown[first]
    first, past = first[known], past[known]
    # The polynomial sum of words[i] * base^(i - first), from sums over the whole text; modulo 2^64 every odd
    # base has an inverse.
    total = _running_sum(words * _powers(_BASE, len(words)))
    hashes = (total[past] - total[first]) * _powers(_INVERSE, len(words))[first]
    return hashes, starts[first], ends[past - 1]


def _running_sum(values: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, …, n values."""
    total = np.zeros(len(values) + 1, dtype=np.uint64 if values.dtype == np.uint64 else np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _powers(base: int, count: int) -> np.ndarray:
    """base^0, base^1, … modulo 2^64."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers, out=powers)
