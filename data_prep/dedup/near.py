"""Documents that resemble an earlier one: candidates by locality-sensitive hashing, compared by their sketches."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from data_prep.dedup.partitions import Partitions, by_hash
from data_prep.dedup.runs import begins_run, first_of_run, sort_distinct
from data_prep.dedup.sketches import similarities
from data_prep.dedup.verdicts import KEEP, NEAR_DUPLICATE, Verdicts
from pipeline.config.clean import NearDuplicatesConfig

_RECORD = np.dtype([("key", np.uint64), ("document", np.uint32)])
_NEIGHBOURS = 16
"""In a bucket a document is compared with so many documents right before it, and so many at the beginning."""
_RANGE_BITS = 18
"""Pairs are looked at by ranges of 2^18 later documents, of 2 * 16 pairs per band at the most."""
_GLANCE = 64
"""Hashes of a sketch by which pairs far from similar (four standard errors) are told at an eighth of the cost."""
_GLANCED, _COMPARED = 1 << 15, 1 << 12
"""Pairs at a time: about 30 MB of hashes in both cases."""


def drop_similar(verdicts: Verdicts, config: NearDuplicatesConfig, work: Path) -> None:
    """Drop documents that are at least `threshold` similar to an earlier one that is kept, or to a held-out one.

    Of several, the most similar is named, then the earliest. What resembles only dropped documents stays: there are
    no chains.
    """
    pairs = Partitions(work / "pairs", lambda pairs: pairs >> np.uint64(32 + _RANGE_BITS))
    _find_candidates(verdicts, config, work, pairs)
    # Ranges come in the order of the later documents: what came before a range is decided.
    for found in pairs:
        distinct = sort_distinct(found)
        for start in range(0, len(distinct), _GLANCED):
            _decide(verdicts, config, distinct[start : start + _GLANCED])


def _find_candidates(verdicts: Verdicts, config: NearDuplicatesConfig, work: Path, pairs: Partitions) -> None:
    """Pairs of documents with a band in common, as later * 2^32 + earlier; what is held out counts as earlier."""
    buckets = Partitions(work / "buckets", by_hash("key", verdicts.keys.documents * config.bands))
    for piece, rows, documents in verdicts.kept():
        records = np.empty((len(rows), config.bands), dtype=_RECORD)
        records["key"] = verdicts.keys.array(piece, "bands")[rows]
        records["document"] = documents[:, None]
        buckets.append(records.reshape(-1))
    for records in buckets:
        order = np.argsort(records["key"], kind="stable")
        key, document = records["key"][order], records["document"][order]
        shared = ~begins_run(key)
        shared[:-1] |= shared[1:]
        for found in _pairs(key[shared], document[shared], verdicts.held_out):
            pairs.append(found)


def _pairs(key: np.ndarray, document: np.ndarray, held_out: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs within buckets: all in those of up to 2 * `_NEIGHBOURS` documents, so many per document in larger ones.

    Documents of a large bucket that resemble each other have most other bands in common too, and those are small.
    """
    first = first_of_run(begins_run(key))
    place = np.arange(len(key)) - first
    place[held_out[document]] = 0  # no later one: stays, whatever it resembles
    for distance in range(1, _NEIGHBOURS + 1):
        before = np.flatnonzero(place >= distance)
        yield _pack(document[before], document[before - distance])
        after = np.flatnonzero(place >= _NEIGHBOURS + distance)
        yield _pack(document[after], document[first[after] + distance - 1])


def _pack(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    return (later.astype(np.uint64) << np.uint64(32)) | earlier


def _unpack(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32)


def _decide(verdicts: Verdicts, config: NearDuplicatesConfig, pairs: np.ndarray) -> None:
    """Decide by some pairs, sorted."""
    glance = min(_GLANCE, config.sketch)
    deviation = (config.threshold * (1 - config.threshold) / glance) ** 0.5
    pairs, similarity = _compare(verdicts, pairs, glance)
    pairs = pairs[similarity >= config.threshold - 4 * deviation]
    for start in range(0, len(pairs), _COMPARED):
        compared, similarity = _compare(verdicts, pairs[start : start + _COMPARED], config.sketch)
        close = similarity >= config.threshold
        later, earlier = _unpack(compared[close])
        edges = zip(later.tolist(), earlier.tolist(), similarity[close].tolist(), strict=True)
        for document, group in groupby(edges, key=lambda edge: edge[0]):
            kept = [(similarity, -match) for _, match, similarity in group if verdicts.code[match] == KEEP]
            if kept:
                similar, match = max(kept)
                verdicts.drop(np.array([document]), np.array([-match]), NEAR_DUPLICATE, similar)


def _compare(verdicts: Verdicts, pairs: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs that are still to decide, and their similarities by so many hashes."""
    later, earlier = _unpack(pairs)
    undecided = (verdicts.code[later] == KEEP) & (verdicts.code[earlier] == KEEP)
    similarity = similarities(verdicts.keys, later[undecided], earlier[undecided], size)
    return pairs[undecided], similarity
