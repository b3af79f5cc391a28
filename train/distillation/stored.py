"""What a teacher said of a set of examples, in files that are mapped into memory.

It is kept by place: of the labels of all examples, one after the other, each has its number. So whatever order, packing
of rows, micro-batch or number of ranks a training has, it finds for each label what the teacher said there, as long as
an example is the same tokens whenever it is read.
"""

import os
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from pipeline.formats.shards import token_dtype
from pipeline.store import durable

PIECE = 2**18
"""Places of a file, give or take an example: what a kill costs at most is one of these on each rank."""
OPEN_FILES = 256
"""As of `pipeline.formats.shards`."""


def record_type(top_k: int, vocab_size: int) -> np.dtype:
    """What is stored of a place: its likeliest tokens, and their log-probabilities with that of all others behind."""
    tokens = token_dtype(vocab_size)
    return np.dtype([("tokens", tokens, (top_k,)), ("log_probs", "<f2", (top_k + 1,))])


class StoredTargets:
    """A folder of pieces: each holds what was said of several examples, and has its name when it is complete."""

    def __init__(self, folder: Path, counts: np.ndarray, top_k: int, vocab_size: int):
        """
        Args:
            counts: labels of each example, int64 [examples].
        """
        self.folder, self.top_k, self.kind = folder, top_k, record_type(top_k, vocab_size)
        self.bounds = np.concatenate([[0], np.cumsum(counts)])
        """The place of each example's first label, and the end; int64 [examples + 1]."""
        self._firsts = np.unique(self.bounds[:-1] // PIECE, return_index=True)[1]

    @property
    def places(self) -> int:
        return int(self.bounds[-1])

    @property
    def bytes(self) -> int:
        return self.places * self.kind.itemsize

    @cached_property
    def _starts(self) -> np.ndarray:
        """Each piece's first place, and the end."""
        return np.append(self.bounds[self._firsts], self.places)

    def examples_of(self, piece: int) -> np.ndarray:
        """Indices of the examples in a piece."""
        ends = np.append(self._firsts, len(self.bounds) - 1)
        return np.arange(ends[piece], ends[piece + 1])

    def places_in(self, piece: int) -> int:
        return int(self._starts[piece + 1] - self._starts[piece])

    def missing(self) -> list[int]:
        """Pieces that are not there, or not what they should be."""
        return [piece for piece in range(len(self._firsts)) if not self._is_there(piece)]

    def _is_there(self, piece: int) -> bool:
        try:
            found = np.load(self._path(piece), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            return False
        return found.shape == (self.places_in(piece),) and found.dtype == self.kind

    def write(self, piece: int, records: np.ndarray) -> None:
        """Args: records: of the type `kind`, as many as the piece has places."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(piece)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            np.save(file, records)
        durable.replace(scratch, path)

    def read(self, places: np.ndarray) -> np.ndarray:
        """Records [n] of places, int64 [n]."""
        records = np.empty(len(places), self.kind)
        pieces = np.searchsorted(self._starts, places, side="right") - 1
        for piece in np.unique(pieces):
            chosen = pieces == piece
            path = self._path(int(piece))
            found = _mapped(path, path.stat().st_ino)
            records[chosen] = found[places[chosen] - self._starts[piece]]
        return records

    def _path(self, piece: int) -> Path:
        return self.folder / f"{piece:06d}.npy"


@lru_cache(OPEN_FILES)
def _mapped(path: Path, inode: int) -> np.ndarray:
    """Args: inode: tells a file from another that has taken its name."""
    return np.load(path, mmap_mode="r", allow_pickle=False)
