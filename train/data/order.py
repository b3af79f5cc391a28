"""The order of training samples: a pure function of (seed, sample number), computed per index.

No permutation table is kept, so the first batch after a resume costs the same at sample one billion as at zero.
"""

from typing import Protocol

import numpy as np

from pipeline.splitmix import mix

ROUNDS = 6
_OFFSET = np.uint64(0x9E3779B97F4A7C15)
"""Added before numbers are mixed, since 0 would stay 0."""


class Order(Protocol):
    """Which example each training sample is."""

    def items(self, samples: np.ndarray) -> np.ndarray:
        """Index of the example of each sample number; int64, same shape."""

    def common_samples(self, other: "Order") -> int | None:
        """How many first samples are the same in the order of another run on the same data with the same seed; None
        where all of them are."""


class SampleOrder:
    """Endless epochs over `size` items, each epoch in another pseudorandom order.

    The bijection is a balanced Feistel network (Luby & Rackoff, 1988) over the smallest even-bit domain that holds
    `size`, with splitmix64 (Steele et al., 2014) as the round function; numbers that fall outside are mapped again
    until they fall inside (cycle walking, Black & Rogaway, 2002), at most four times on average.
    """

    def __init__(self, size: int, seed: int):
        if size < 1:
            raise ValueError(f"size must be positive, not {size}")
        self._size = size
        self._seed = seed
        self._half_bits = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
        self._half_mask = np.uint64((1 << int(self._half_bits)) - 1)

    def items(self, samples: np.ndarray) -> np.ndarray:
        """Item of each sample number; int64, same shape. Sample s belongs to epoch s // size."""
        samples = np.asarray(samples, dtype=np.uint64)
        size = np.uint64(self._size)
        epochs, values = samples // size, samples % size
        keys = _mix(epochs + _mix(np.asarray(self._seed % 2**64, np.uint64)))
        values = self._encrypt(values, keys)
        while (outside := values >= size).any():
            values = np.where(outside, self._encrypt(values, keys), values)
        return values.astype(np.int64)

    def common_samples(self, other: Order) -> int | None:
        return None if isinstance(other, SampleOrder) else 0

    def _encrypt(self, values: np.ndarray, keys: np.ndarray) -> np.ndarray:
        left, right = values >> self._half_bits, values & self._half_mask
        for number in range(ROUNDS):
            mixed = _mix(right + keys + np.uint64(number << 32))
            left, right = right, left ^ (mixed & self._half_mask)
        return (left << self._half_bits) | right


def _mix(value: np.ndarray) -> np.ndarray:
    """One step of splitmix64; overflow is meant."""
    with np.errstate(over="ignore"):
        return mix(_OFFSET + value)
