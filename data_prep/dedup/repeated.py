"""Paragraphs that stand in an earlier document."""

from pathlib import Path

import numpy as np

from data_prep.dedup.mapped import new_array
from data_prep.dedup.partitions import Partitions, by_hash
from data_prep.dedup.runs import begins_run, first_of_run
from data_prep.dedup.verdicts import Verdicts

_RECORD = np.dtype([("key", np.uint64), ("document", np.uint32), ("number", np.uint32)])
_RANGE_BITS = 20


def write_repeated_paragraphs(verdicts: Verdicts, work: Path, path: Path) -> None:
    """Write document * 2^32 + paragraph of what goes as a NumPy array of uint64, ascending.

    Only kept documents count. What is repeated within the document that has it first stays there.
    """
    total = sum(len(verdicts.keys.array(piece, "paragraph_hash")) for piece in range(len(verdicts.keys)))
    partitions = Partitions(work / "paragraphs", by_hash("key", total))
    for piece, rows, documents in verdicts.kept():
        partitions.append(_records(verdicts, piece, rows, documents))
    gone = Partitions(work / "repeated", lambda packed: packed >> np.uint64(32 + _RANGE_BITS))
    for records in partitions:
        records = records[np.argsort(records["key"], kind="stable")]
        document = records["document"]
        first = document[first_of_run(begins_run(records["key"]))]
        goes = (document != first) & ~verdicts.held_out[document]
        gone.append((document[goes].astype(np.uint64) << np.uint64(32)) | records["number"][goes])
    array = new_array(path, np.uint64, len(gone))
    written = 0
    for packed in gone:
        array[written : written + len(packed)] = np.sort(packed)
        written += len(packed)


def _records(verdicts: Verdicts, piece: int, rows: np.ndarray, documents: np.ndarray) -> np.ndarray:
    keys = verdicts.keys
    lengths = np.diff(keys.array(piece, "paragraph_ends"), prepend=0)
    number_of = np.zeros(len(lengths), dtype=np.uint32)
    number_of[rows] = documents
    kept = np.zeros(len(lengths), dtype=bool)
    kept[rows] = True
    chosen = np.repeat(kept, lengths)
    records = np.empty(int(chosen.sum()), dtype=_RECORD)
    records["key"] = keys.array(piece, "paragraph_hash")[chosen]
    records["number"] = keys.array(piece, "paragraph_number")[chosen]
    records["document"] = np.repeat(number_of, lengths)[chosen]
    return records
