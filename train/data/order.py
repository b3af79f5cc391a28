"""The order of training samples: a pure function of (seed, sample number), computed per index.

No permutation table is kept, so the first batch after a resume costs the same at sample one billion as at zero.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.splitmix import mix

ROUNDS = 6
_OFFSET = np.uint64(0x9E3779B97F4A7C15)
"""Added before numbers are mixed, since 0 would stay 0."""
_ROUND_OFFSETS = _OFFSET + (np.arange(ROUNDS, dtype=np.uint64) << np.uint64(32))


class Order(Protocol):
    """Which example each training sample is."""

    def items(self, samples: np.ndarray) -> np.ndarray:
        """Index of the example of each sample number; int64, same shape."""

    def common_samples(self, other: "Order") -> int | None:
        """How many first samples are the same in the order of another run on the same data with the same seed; None
        where all of them are."""


class SampleOrders:
    """Endless epochs over several sets of items, each set and each epoch in a pseudorandom order of its own.

    The bijection is a balanced Feistel network (Luby & Rackoff, 1988) over the smallest even-bit domain that holds a
    set, with splitmix64 (Steele et al., 2014) as the round function; numbers that fall outside are mapped again
    until they fall inside (cycle walking, Black & Rogaway, 2002), at most four times on average. Samples of all sets
    are mapped together, since for a few hundred numbers it is the calls of numpy that take time.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int]):
        """Args: sizes, seeds: of each set."""
        if any(size < 1 for size in sizes):
            raise ValueError(f"sizes must be positive, not {min(sizes)}")
        self._sizes = np.array(sizes, np.uint64)
        self._half_bits = np.array([max(1, ((size - 1).bit_length() + 1) // 2) for size in sizes], np.uint64)
        self._seeds = mix(_OFFSET + np.array([seed % 2**64 for seed in seeds], np.uint64))

    def items(self, sets: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Item of each sample within its set; int64 [samples]. Sample s belongs to epoch s // size of its set.

        Args:
            sets: which set each sample is of; [samples].
        """
        numbers, sizes, half_bits = samples.astype(np.uint64), self._sizes[sets], self._half_bits[sets]
        epochs, values = np.divmod(numbers, sizes)
        keys = mix(_OFFSET + epochs + self._seeds[sets])
        values = _encrypt(values, keys, half_bits)
        outside = np.flatnonzero(values >= sizes)
        while len(outside):
            values[outside] = _encrypt(values[outside], keys[outside], half_bits[outside])
            outside = outside[values[outside] >= sizes[outside]]
        return values.astype(np.int64)


class SampleOrder:
    """Endless epochs over `size` items, each epoch in another order: `SampleOrders` of one set."""

    def __init__(self, size: int, seed: int):
        self._orders = SampleOrders([size], [seed])

    def items(self, samples: np.ndarray) -> np.ndarray:
        """Item of each sample number; int64, same shape. Sample s belongs to epoch s // size."""
        samples = np.asarray(samples)
        flat = samples.reshape(-1)
        return self._orders.items(np.zeros(len(flat), np.intp), flat).reshape(samples.shape)

    def common_samples(self, other: Order) -> int | None:
        return None if isinstance(other, SampleOrder) else 0


def _encrypt(values: np.ndarray, keys: np.ndarray, half_bits: np.ndarray) -> np.ndarray:
    """Each uint64 mapped within its domain of twice as many bits; overflow is meant."""
    mask = (np.uint64(1) << half_bits) - np.uint64(1)
    left, right = values >> half_bits, values & mask
    for number in range(ROUNDS):
        mixed = mix(right + keys + _ROUND_OFFSETS[number])
        left, right = right, left ^ (mixed & mask)
    return (left << half_bits) | right
