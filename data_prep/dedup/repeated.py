"""Paragraphs, lines, sentences and passages that stand in an earlier document."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.dedup.keys import Keys
from data_prep.dedup.mapped import new_array
from data_prep.dedup.partitions import Partitions, by_document, by_hash
from data_prep.dedup.runs import begins_run, first_of_run, ranges
from data_prep.dedup.verdicts import Verdicts

_RECORD = np.dtype([("key", np.uint64), ("document", np.uint32), ("number", np.uint32)])
_AT_A_TIME = 1 << 20


def write_repeated(verdicts: Verdicts, unit: str, work: Path, path: Path) -> None:
    """Write document * 2^32 + number of what goes as a NumPy array of uint64, ascending.

    Only kept documents count. What is repeated within the document that has it first stays there. The first are
    documents that are written as they are, which nothing is taken out of; then those of the validation and test splits,
    so that what these hold does not depend on what is trained on; both, and the rest, in the order of the corpus.
    """
    keys = verdicts.keys
    sizes = np.array([len(keys.array(piece, f"{unit}_hash")) for piece in range(len(keys))], dtype=np.int64)
    partitions = Partitions(work / unit, by_hash("key", int(sizes.sum())))
    for piece, rows, documents in _in_order(verdicts):
        for records in _records(keys, unit, piece, rows, documents):
            partitions.append(records)
    gone = Partitions(work / f"repeated-{unit}", by_document(keys.starts, sizes))
    for records in partitions:
        gone.append(_repeated(records, verdicts.held_out))
    array = new_array(path, np.uint64, len(gone))
    written = 0
    for packed in gone:
        array[written : written + len(packed)] = np.sort(packed)
        written += len(packed)


def _in_order(verdicts: Verdicts) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    yield from verdicts.kept([True])
    for evaluated in (True, False):
        for piece, rows, documents in verdicts.kept([False]):
            chosen = verdicts.keys.array(piece, "evaluated")[rows] == evaluated
            if chosen.any():
                yield piece, rows[chosen], documents[chosen]


def _records(
    keys: Keys, unit: str, piece: int, rows: np.ndarray, documents: np.ndarray
) -> Iterator[np.ndarray]:
    """What may be repeated of some documents of a piece, in order, so much at a time."""
    hashes, ends = keys.array(piece, f"{unit}_hash"), keys.array(piece, f"{unit}_ends")
    lengths = np.diff(ends, prepend=0)[rows]
    begins = ends[rows] - lengths
    bounds = np.flatnonzero(np.diff(np.cumsum(lengths) // _AT_A_TIME)) + 1
    for some in np.split(np.arange(len(rows)), bounds):
        places = ranges(begins[some], lengths[some])
        records = np.empty(len(places), dtype=_RECORD)
        records["key"] = hashes[places]
        records["document"] = np.repeat(documents[some], lengths[some])
        records["number"] = places - np.repeat(begins[some], lengths[some])
        yield records[records["key"] != 0]


def _repeated(records: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Of those with equal keys all but what is of the first one's document, or may not go."""
    order = np.argsort(records["key"], kind="stable")
    document = records["document"][order]
    first = document[first_of_run(begins_run(records["key"][order]))]
    goes = (document != first) & ~held_out[document]
    return _pack(document[goes], records["number"][order[goes]])


def _pack(documents: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return (documents.astype(np.uint64) << np.uint64(32)) | numbers


def unpack(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Documents and numbers, int64, of what `write_repeated` wrote."""
    return (packed >> np.uint64(32)).astype(np.int64), (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
