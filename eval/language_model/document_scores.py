"""What each document of a held-out text costs a model, kept so that two runs can be compared document by document."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.tracking.tracker import read_jsonl

DOCUMENTS = "documents.jsonl"
_DIGITS = 4
"""Of nats that are kept after the point."""


@dataclass(frozen=True)
class DocumentScores:
    """A model's loss on each document of a text, and how large the documents are."""

    model: str
    file: str | None
    """Name of the file whose text it is; None for the corpus's split."""
    nats: np.ndarray
    """Of all of a document's tokens, float64 [D]."""
    ends: np.ndarray
    """Where each document ends in the stream of tokens, int64 [D]."""
    words: np.ndarray
    """int64 [D]."""
    bytes: np.ndarray
    """int64 [D]."""

    def is_of_same_text(self, other: "DocumentScores") -> bool:
        """By the documents' sizes; words may be counted in two ways."""
        return np.array_equal(self.bytes, other.bytes)

    def followed_by(self, other: "DocumentScores") -> Self:
        """The documents of both, one after the other."""
        return type(self)(
            self.model,
            self.file,
            np.concatenate([self.nats, other.nats]),
            np.concatenate([self.ends, self.ends[-1] + other.ends]),
            np.concatenate([self.words, other.words]),
            np.concatenate([self.bytes, other.bytes]),
        )


def write_documents(folder: Path, scores: Iterable[DocumentScores]) -> None:
    """Write documents.jsonl: a row for each model and text, with a number per document."""
    with (folder / DOCUMENTS).open("w", encoding="utf-8") as file:
        for each in scores:
            row = {
                "model": each.model,
                "file": each.file,
                "nats": [round(value, _DIGITS) for value in each.nats.tolist()],
                "tokens": np.diff(each.ends, prepend=0).tolist(),
                "words": each.words.tolist(),
                "bytes": each.bytes.tolist(),
            }
            file.write(json.dumps(row) + "\n")


def read_documents(folder: Path) -> dict[tuple[str, str | None], DocumentScores]:
    """By model and file; empty where the artifact has no such scores."""
    rows = read_jsonl(folder / DOCUMENTS)
    return {
        (row["model"], row["file"]): DocumentScores(
            row["model"],
            row["file"],
            np.array(row["nats"], dtype=float),
            np.cumsum(np.array(row["tokens"], dtype=np.int64)),
            np.array(row["words"], dtype=np.int64),
            np.array(row["bytes"], dtype=np.int64),
        )
        for row in rows
    }
