"""Numbers that look random, as a pure function of numbers: the finalizer of splitmix64 (Steele et al., 2014)."""

import numpy as np


def mix(values: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit integers that looks random, of each uint64; overflow is meant."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
