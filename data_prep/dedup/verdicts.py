"""What is known of every document while decisions are made: 10 bytes of memory for each."""

from collections.abc import Iterator

import numpy as np

from data_prep.dedup.keys import Keys
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

    def __init__(self, keys: Keys):
        self.keys = keys
        count = keys.documents
        if count >= 1 << 32:
            raise UserError(
                f"the corpus has {count:,} documents; at most {(1 << 32) - 1:,} can be deduplicated"
            )
        self.code = np.zeros(count, dtype=np.uint8)
        self.match = np.zeros(count, dtype=np.uint32)
        self.similarity = np.full(count, np.nan, dtype=np.float32)
        self.held_out = np.zeros(count, dtype=bool)
        for piece in range(len(keys)):
            start, end = keys.starts[piece : piece + 2]
            self.held_out[start:end] = keys.array(piece, "held_out")

    def kept(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Piece, rows in it (int64) and numbers (uint32) of the documents kept so far: first all that are held out,
        then the others, both in the order of the corpus."""
        for held_out in (True, False):
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
