"""Documents that passed what can be judged of one alone, between the phases of cleaning."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.text.text_features import TextCounts
from pipeline.formats.documents import SCHEMA, Document, DocumentFile
from pipeline.formats.parquet_files import reading

_COUNTS = ("raw_bytes", "bytes", "characters", "words", "lines", "original_words", "original_lines")
_COLUMNS = [
    *((name, pa.string()) for name in ("split", "language", "kind")),
    *((name, pa.int64()) for name in _COUNTS),
]
_BROUGHT = {"programming_language": "programming_languages", "license": "licenses"}
"""What a corpus may say of its documents, and as what that is counted."""
CANDIDATE_SCHEMA = pa.schema([*SCHEMA, *_COLUMNS])


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cleaned document and what the tally of the corpus counts of it."""

    document: Document
    split: str
    raw_bytes: int
    """Of the text as the corpus has it."""
    counts: TextCounts
    original: TextCounts | None
    """Of WikiText's own form, whose words and lines published perplexities count."""
    language: str
    kind: str

    @property
    def tags(self) -> dict[str, str]:
        """What the tally counts over all that is kept: of source code the programming language and licence, too."""
        brought = {
            name: str(self.document.meta[key]) for key, name in _BROUGHT.items() if key in self.document.meta
        }
        return {"languages": self.language, "kinds": self.kind, **brought}


def candidate_path(folder: Path, piece: int) -> Path:
    return folder / f"{piece:05d}.parquet"


def write_candidate(file: DocumentFile, candidate: Candidate) -> None:
    counts, original = candidate.counts, candidate.original
    file.write(
        candidate.document,
        split=candidate.split,
        language=candidate.language,
        kind=candidate.kind,
        raw_bytes=candidate.raw_bytes,
        bytes=counts.bytes,
        characters=counts.characters,
        words=counts.words,
        lines=counts.lines,
        original_words=original.words if original else None,
        original_lines=original.lines if original else None,
    )


@contextmanager
def reading_candidates(path: Path) -> Generator[pq.ParquetFile]:
    """Open a file of candidates."""
    remedy = f"delete {path.parents[2]} and start again"
    with reading(path, remedy), pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield file


def read_candidates(path: Path) -> Iterator[Candidate]:
    """In order, a batch in memory at a time; none where there is no file."""
    if not path.exists():
        return
    with reading_candidates(path) as file:
        for batch in file.iter_batches(256):
            for row in batch.to_pylist():
                original = None
                if row["original_words"] is not None:
                    original = TextCounts(0, 0, row["original_words"], row["original_lines"])
                yield Candidate(
                    Document(row["id"], row["text"], row["title"], row["source"], json.loads(row["meta"])),
                    row["split"],
                    row["raw_bytes"],
                    TextCounts(*(row[name] for name in ("bytes", "characters", "words", "lines"))),
                    original,
                    row["language"],
                    row["kind"],
                )
