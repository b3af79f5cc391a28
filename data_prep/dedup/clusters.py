"""Kept documents with what was dropped because of them, for people to look at."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.dedup.decisions import Decisions
from data_prep.dedup.partitions import Partitions
from data_prep.dedup.verdicts import KEEP, REASONS

_CHUNK = 1 << 20
_RANGE_BITS = 22
"""Matches are counted by ranges of 2^22 kept documents."""


class Dropped(NamedTuple):
    """A document that was dropped because of another."""

    place: tuple[int, int]
    """Its piece, and its row there."""
    reason: str | None
    similarity: float | None
    """None where it is not known."""


class Cluster(NamedTuple):
    """A kept document."""

    place: tuple[int, int]
    size: int
    """How many were dropped because of it."""
    dropped: list[Dropped]
    """The first of them."""


def clusters(decisions: Decisions, limit: int = 1000, members: int = 20) -> Iterator[Cluster]:
    """The largest clusters first, then by the place of the kept document.

    Args:
        limit: clusters, at most.
        members: dropped documents named of each, at most.
    """
    kept, sizes = _largest(decisions, limit)
    wanted: dict[int, list[int]] = {document: [] for document in kept.tolist()}
    for documents in _dropped(decisions):
        for document in documents[np.isin(decisions.match[documents], kept)].tolist():
            dropped = wanted[int(decisions.match[document])]
            if len(dropped) < members:
                dropped.append(document)
    for document, size in zip(kept.tolist(), sizes.tolist(), strict=True):
        yield Cluster(
            decisions.place(document), size, [_dropped_one(decisions, each) for each in wanted[document]]
        )


def _largest(decisions: Decisions, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept documents with the most that were dropped because of them, most first, and how many those are."""
    kept, sizes = np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64)
    with tempfile.TemporaryDirectory(dir=decisions.folder) as work:
        matches = Partitions(Path(work) / "matches", lambda documents: documents >> np.uint32(_RANGE_BITS))
        for documents in _dropped(decisions):
            matches.append(decisions.match[documents])
        for found in matches:
            documents, counts = np.unique(found, return_counts=True)
            kept, sizes = np.concatenate([kept, documents]), np.concatenate([sizes, counts])
            first = np.argsort(-sizes, kind="stable")[:limit]
            kept, sizes = kept[first], sizes[first]
    return kept, sizes


def _dropped(decisions: Decisions) -> Iterator[np.ndarray]:
    """Numbers of the dropped documents, ascending, from so many documents at a time."""
    for start in range(0, len(decisions.code), _CHUNK):
        yield np.flatnonzero(decisions.code[start : start + _CHUNK] != KEEP) + start


def _dropped_one(decisions: Decisions, document: int) -> Dropped:
    similarity = float(decisions.similarity[document])
    known = None if np.isnan(similarity) else round(similarity, 4)
    return Dropped(decisions.place(document), REASONS[decisions.code[document]], known)
