"""Documents with the same id, and equal documents."""

from pathlib import Path

import numpy as np

from data_prep.dedup.partitions import Partitions, by_hash
from data_prep.dedup.runs import begins_run, first_of_run
from data_prep.dedup.verdicts import DUPLICATE, DUPLICATE_ID, Verdicts

_RECORD = np.dtype([("key", np.uint64), ("rest", np.uint64), ("document", np.uint32)])


def drop_same_ids(verdicts: Verdicts, work: Path) -> None:
    """Drop documents with the id of an earlier one. What is held out has ids of its own."""
    _drop(verdicts, work, "id", DUPLICATE_ID, np.nan)


def drop_equal(verdicts: Verdicts, work: Path) -> None:
    """Drop documents that equal an earlier or a held-out one."""
    _drop(verdicts, work, "digest", DUPLICATE, 1.0)


def _drop(verdicts: Verdicts, work: Path, name: str, code: int, similarity: float) -> None:
    partitions = Partitions(work / name, by_hash("key", verdicts.keys.documents))
    for piece, rows, documents in verdicts.kept():
        if name == "id" and verdicts.held_out[documents[0]]:
            continue
        values = verdicts.keys.array(piece, name)[rows]
        records = np.empty(len(rows), dtype=_RECORD)
        records["key"], records["rest"], records["document"] = values[:, 0], values[:, 1], documents
        partitions.append(records)
    for records in partitions:
        order = np.lexsort((records["rest"], records["key"]))  # stable: the first of equals stays first
        key, rest, document = (records[field][order] for field in ("key", "rest", "document"))
        begins = begins_run(key, rest)
        goes = ~begins & ~verdicts.held_out[document]
        verdicts.drop(document[goes], document[first_of_run(begins)[goes]], code, similarity)
