"""What is known of every document while decisions are made: 10 bytes for each, in files that are mapped into memory.

So a machine whose memory is too small for all of them becomes slower, and no process is killed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data_prep.dedup.keys import Keys
from data_prep.dedup.mapped import new_array
from pipeline.errors import UserError

KEEP, DUPLICATE_ID, DUPLICATE, NEAR_DUPLICATE, DUPLICATE_OF_HELD_OUT = range(5)
REASONS = (None, "duplicate_id", "duplicate", "near_duplicate", "duplicate_of_held_out")
"""Why a document is dropped, by its code."""
_CHUNK = 1 << 20


class Verdicts:
    """Codes, and of the dropped documents which one they equal or resemble and how much.

    Attributes:
        code: uint8 per document.
        match: uint32, the number of the other document.
        similarity: float32, Jaccard; NaN where it is not known.
        held_out: bool.
    """

    def __init__(self, keys: Keys, folder: Path, work: Path):
        """Args: folder: where the files of `code`, `match` and `similarity` stay; that of `held_out` is in `work`."""
        self.keys = keys
        self._files: list[np.memmap] = []
        count = keys.documents
        if count >= 1 << 32:
            raise UserError(
                f"the corpus has {count:,} documents; at most {(1 << 32) - 1:,} can be deduplicated"
            )
        self.code = self._zeros(folder / "code.npy", np.uint8)
        self.match = self._zeros(folder / "match.npy", np.uint32)
        self.similarity = self._zeros(folder / "similarity.npy", np.float32)
        self.similarity[:] = np.nan
        self.held_out = self._zeros(work / "held_out.npy", bool)
        for piece in range(len(keys)):
            start, end = keys.starts[piece : piece + 2]
            self.held_out[start:end] = keys.array(piece, "held_out")

    def _zeros(self, path: Path, dtype: type) -> np.ndarray:
        file = new_array(path, dtype, self.keys.documents)
        self._files.append(file)
        return file.view(np.ndarray)  # far cheaper to index than a memmap

    def flush(self) -> None:
        """Have all of it on disk, for processes on other machines."""
        for file in self._files:
            file.flush()

    def kept(self, kinds: Sequence[bool] = (True, False)) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Piece, rows in it (int64) and numbers (uint32) of the documents kept so far: first all that are held out,
        then the others, both in the order of the corpus. Args: kinds: the one or the other alone."""
        for held_out in kinds:
            for piece in range(len(self.keys)):
                start, end = self.keys.starts[piece : piece + 2]
                kept = (self.code[start:end] == KEEP) & (self.held_out[start:end] == held_out)
                rows = np.flatnonzero(kept)
                if len(rows):
                    yield piece, rows, (rows + start).astype(np.uint32)

    def drop(
        self, documents: np.ndarray, matches: np.ndarray, code: int, similarity: np.ndarray | float
    ) -> None:
        """Drop documents because of others; what equals a held-out document has a reason of its own."""
        self.code[documents] = np.where(self.held_out[matches], DUPLICATE_OF_HELD_OUT, code)
        self.match[documents] = matches
        self.similarity[documents] = similarity

    def settle(self) -> None:
        """Where a document's match was dropped later, its own match: so that all point to kept ones."""
        for start in range(0, len(self.code), _CHUNK):
            dropped = np.flatnonzero(self.code[start : start + _CHUNK]) + start
            while len(dropped := dropped[self.code[self.match[dropped]] != KEEP]):
                matches = self.match[dropped]
                self.match[dropped] = self.match[matches]
                # An equal text is as similar to the third as its match is. The same id says nothing of that.
                equal = self.code[dropped] == DUPLICATE
                self.code[dropped[equal]] = self.code[matches[equal]]
                self.similarity[dropped[equal]] = self.similarity[matches[equal]]
