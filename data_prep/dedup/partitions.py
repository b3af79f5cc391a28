"""Records spread over files by a number, to be looked at one file at a time: sorting more than memory holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

RECORDS = 1 << 22
"""Meant for one partition; the working space for these is a few hundred megabytes."""
_BUFFERED = 1 << 21


class Partitions:
    """Appends records to one file per partition, in order, and gives them back a partition at a time.

    Records that share a number stay together, however many they are.
    """

    def __init__(self, folder: Path, part_of: Callable[[np.ndarray], np.ndarray]):
        """Args: part_of: the partition of each of the given records."""
        folder.mkdir(parents=True)
        self._folder, self._part_of = folder, part_of
        self._buffer: list[np.ndarray] = []
        self._buffered = 0
        self._count = 0
        self._dtype: np.dtype | None = None

    def append(self, records: np.ndarray) -> None:
        self._buffer.append(records)
        self._buffered += len(records)
        self._count += len(records)
        if self._buffered >= _BUFFERED:
            self._flush()

    def __len__(self) -> int:
        """Number of records appended."""
        return self._count

    def _flush(self) -> None:
        if not self._buffer:
            return
        records = np.concatenate(self._buffer)
        self._buffer = []
        self._buffered, self._dtype = 0, records.dtype
        parts = self._part_of(records)
        order = np.argsort(parts, kind="stable")
        parts, records = parts[order], records[order]
        ends = np.append(np.flatnonzero(np.diff(parts)) + 1, len(parts))
        start = 0
        for end in ends.tolist():
            if end > start:
                with open(self._folder / f"{int(parts[start]):08d}", "ab") as file:
                    file.write(records[start:end].tobytes())
            start = end

    def __iter__(self) -> Iterator[np.ndarray]:
        """Each partition's records, in the order in which they were appended. Once only: the files go."""
        self._flush()
        for path in sorted(self._folder.iterdir()):
            yield np.fromfile(path, dtype=self._dtype)
            path.unlink()


def by_document(starts: np.ndarray, sizes: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Partitions in the order of documents, of about `RECORDS` records at the most, by their number in the upper half
    of 64 bits.

    Args:
        starts: numbers of the pieces' first documents, and the number of all.
        sizes: records of each piece, at most.
    """
    parts = (np.cumsum(sizes) - sizes) // RECORDS

    def part_of(packed: np.ndarray) -> np.ndarray:
        return parts[np.searchsorted(starts, packed >> np.uint64(32), side="right") - 1]

    return part_of


def by_hash(field: str, expected: int) -> Callable[[np.ndarray], np.ndarray]:
    """Partitions of about `RECORDS` records, by a field that holds 64-bit hashes.

    Args:
        expected: the number of records, at most.
    """
    count = np.uint64(-(-expected // RECORDS))
    return lambda records: ((records[field] >> np.uint64(32)) * count) >> np.uint64(32)
