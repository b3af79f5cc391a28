"""Hashes of many runs of a text's words, by sums over all of it: in linear time, however long the runs are."""

import numpy as np

_BASE = 0x9FB21C651E98DF25
_INVERSE = pow(_BASE, -1, 1 << 64)


def window_hashes(words: np.ndarray, first: np.ndarray, past: np.ndarray) -> np.ndarray:
    """uint64 [n]: the hash of words[first[i]:past[i]] for each i. It is a polynomial of the words, so `mix` it where
    its bits must be spread evenly.

    Args:
        words: hashes of words, uint64.
    """
    # The sum of words[i] * base^(i - first), from sums over the whole text; modulo 2^64 every odd base has an inverse.
    total = running_sum(words * _powers(_BASE, len(words)))
    return (total[past] - total[first]) * _powers(_INVERSE, len(words))[first]


def running_sum(values: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, …, n values."""
    total = np.zeros(len(values) + 1, dtype=np.uint64 if values.dtype == np.uint64 else np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _powers(base: int, count: int) -> np.ndarray:
    """base^0, base^1, … modulo 2^64."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, out=powers)
