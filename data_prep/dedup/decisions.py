"""Which documents go, and what of others: decided over all pieces, and kept on disk for those who write the documents.

starts.npy          int64 [pieces + 1]: numbers of the pieces' first documents
code.npy            uint8 per document: place in `REASONS`
match.npy           uint32: number of the kept document that a dropped one equals or resembles
similarity.npy      float32: Jaccard similarity to it, NaN where it is not known
<unit>.npy          uint64, ascending: document * 2^32 + number of each paragraph, line, sentence or passage to take
                    out, where these are compared
"""

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from data_prep.dedup.exact import drop_equal, drop_same_ids
from data_prep.dedup.keys import Keys
from data_prep.dedup.near import drop_similar
from data_prep.dedup.repeated import unpack, write_repeated
from data_prep.dedup.runs import begins_run
from data_prep.dedup.units import UNITS, units
from data_prep.dedup.verdicts import REASONS, Verdicts
from pipeline.config.clean import DeduplicateConfig
from pipeline.store import durable


@dataclass(frozen=True)
class PieceDecisions:
    """Decisions on a piece's documents, by row."""

    reasons: list[str | None]
    """Why each document is dropped; None where it is kept."""
    repeated: dict[int, dict[str, np.ndarray]]
    """What to take out of kept documents: numbers, ascending, by the name of the unit."""


class Decisions:
    """Decisions on all documents, memory-mapped."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.starts = np.load(folder / "starts.npy")
        self.code, self.match, self.similarity = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("code", "match", "similarity")
        )
        self.repeated = {
            name: np.load(path, mmap_mode="r") for name in UNITS if (path := folder / f"{name}.npy").exists()
        }

    def piece(self, number: int) -> PieceDecisions:
        start, end = self.starts[number : number + 2].tolist()
        repeated: dict[int, dict[str, np.ndarray]] = {}
        for name, places in self.repeated.items():
            first, last = np.searchsorted(places, np.array([start, end], dtype=np.uint64) << np.uint64(32))
            documents, numbers = unpack(np.asarray(places[first:last]))
            bounds = [*np.flatnonzero(begins_run(documents)).tolist(), len(documents)]
            for begin, past in pairwise(bounds):
                repeated.setdefault(int(documents[begin]) - start, {})[name] = numbers[begin:past]
        return PieceDecisions([REASONS[code] for code in self.code[start:end].tolist()], repeated)

    def place(self, document: int) -> tuple[int, int]:
        """Piece and row of the document with this number."""
        piece = int(np.searchsorted(self.starts, document, side="right")) - 1
        return piece, document - int(self.starts[piece])


def decide(keys: Keys, config: DeduplicateConfig, folder: Path) -> Decisions:
    """Decide on all documents, and write the decisions to a folder of their own.

    Memory: some hundred megabytes, whatever the number of documents, and 10 bytes for each in mapped files, which the
    system can drop. Disk, while it runs: with near duplicates 12 bytes per band and document, with passages 16 bytes
    per word. The folder is there once all is written, and takes the place of an earlier one.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    for left in (partial, folder):
        shutil.rmtree(left, ignore_errors=True)
    work = partial / "work"
    work.mkdir(parents=True)
    verdicts = Verdicts(keys, partial, work)
    drop_same_ids(verdicts, work)
    if config.documents != "none":
        drop_equal(verdicts, work)
    if config.documents == "near":
        drop_similar(verdicts, config.near, work)
    verdicts.settle()
    for unit in units(config):
        write_repeated(verdicts, unit.name, work, partial / f"{unit.name}.npy")
    np.save(partial / "starts.npy", keys.starts)
    verdicts.flush()
    shutil.rmtree(work)
    durable.publish(partial, folder)
    return Decisions(folder)
