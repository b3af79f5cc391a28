"""Signatures by which nearly equal documents are found, and sketches by which they are compared.

MinHash: Broder, "On the resemblance and containment of documents", 1997, which has both kinds: minima under several
permutations, and the smallest hashes under one ("bottom k").
"""

import numpy as np

from data_prep.dedup.runs import sort_distinct
from pipeline.config.clean import NearDuplicatesConfig
from pipeline.splitmix import mix

_BLOCK = 1 << 9
"""Shingles permuted at a time, so that the products stay in the processor's cache."""


class MinHash:
    """Makes signatures of sets of shingles, of each 32 bits of their hashes.

    32 bits are enough: of two documents with 512 hashes each, 0.00006 agree by chance, and of the 512 smallest of a
    million 0.06. The permutations are x -> a * x mod 2^32 with odd a: of hashes, which are evenly spread already, the
    minima agree as often as under random permutations.
    """

    def __init__(self, config: NearDuplicatesConfig):
        self._config = config
        permutations = config.bands * config.rows
        factors = mix(np.arange(1, permutations + 1, dtype=np.uint64)) >> np.uint64(32)
        self._factors = (factors.astype(np.uint32) | np.uint32(1))[:, None]
        self._products = np.empty((permutations, _BLOCK), dtype=np.uint32)

    def __call__(self, shingles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Minima, uint32 of shape [bands * rows], and the sketch: at most `sketch` smallest hashes, uint32, ascending.

        Args:
            shingles: uint64, not empty.
        """
        distinct = sort_distinct((shingles >> np.uint64(32)).astype(np.uint32))
        minima = self._minima(distinct[:_BLOCK])
        for start in range(_BLOCK, len(distinct), _BLOCK):
            np.minimum(minima, self._minima(distinct[start : start + _BLOCK]), out=minima)
        return minima, distinct[: self._config.sketch]

    def _minima(self, hashes: np.ndarray) -> np.ndarray:
        products = self._products[:, : len(hashes)]
        np.multiply(self._factors, hashes, out=products)
        return products.min(axis=1)

    def band_keys(self, minima: np.ndarray) -> np.ndarray:
        """uint64 [documents, bands]: equal where all minima of a band are, never between different bands.

        Args:
            minima: uint32 [documents, bands * rows].
        """
        bands, rows = self._config.bands, self._config.rows
        by_band = minima.reshape(-1, bands, rows)
        keys = np.broadcast_to(np.arange(bands, dtype=np.uint64), by_band.shape[:2])
        for row in range(rows):
            keys = mix(keys * np.uint64(0x9E3779B97F4A7C15) + by_band[:, :, row])
        return keys
