"""Jaccard similarity of pairs of documents by their sketches, many pairs at a time."""

import numpy as np

from data_prep.dedup.keys import Keys
from data_prep.dedup.runs import begins_run, ranges


def similarities(keys: Keys, left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """float64 per pair of documents, given by their numbers.

    Of two documents with fewer than `size` shingles each these are all, and the similarity is exact. Else it
    is the share, among the `size` smallest hashes of both together, of those that both have (Broder, 1997), with a
    standard error of sqrt(s * (1 - s) / size).

    Args:
        size: hashes to look at, at most as many as sketches hold.
    """
    count = len(left)
    if not count:
        return np.empty(0)
    documents, inverse = np.unique(np.concatenate([left, right]), return_inverse=True)
    hashes, ends = _gather(keys, documents, size)
    begins = np.concatenate([[0], ends[:-1]])
    lengths = ends - begins
    pair = np.repeat(np.tile(np.arange(count, dtype=np.uint64), 2), lengths[inverse])
    both = np.sort((pair << np.uint64(32)) | hashes[ranges(begins[inverse], lengths[inverse])])
    new = begins_run(both)
    in_both = np.flatnonzero(~new) - 1  # a hash is at most twice there
    rank = np.cumsum(new)
    of_pair = (both >> np.uint64(32)).astype(np.int64)
    union = np.bincount(of_pair[new], minlength=count)
    before = np.cumsum(union) - union
    complete = (lengths[inverse[:count]] < size) & (lengths[inverse[count:]] < size)
    compared = np.where(complete, union, np.minimum(union, size))
    counts = rank[in_both] - before[of_pair[in_both]] <= compared[of_pair[in_both]]
    return np.bincount(of_pair[in_both][counts], minlength=count) / compared


def _gather(keys: Keys, documents: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The sketches of documents, at most `size` hashes of each, ascending, one after the other, and where each ends."""
    pieces = np.searchsorted(keys.starts, documents, side="right") - 1
    bounds = np.append(np.flatnonzero(np.diff(pieces, prepend=-1)), len(documents))
    found: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        piece = int(pieces[start])
        rows = documents[start:end] - keys.starts[piece]
        ends = keys.array(piece, "sketch_ends")
        begins = np.where(rows > 0, ends[rows - 1], 0)
        lengths.append(np.minimum(ends[rows] - begins, size))
        found.append(keys.array(piece, "sketch")[ranges(begins, lengths[-1])])
    return np.concatenate(found), np.cumsum(np.concatenate(lengths))
