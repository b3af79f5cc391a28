"""Documents on disk: Parquet files of bounded size per split, read and written in constant memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import UserError

SPLITS = ("train", "validation", "test")
SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "title", "text", "source", "meta")])
ROW_GROUP_BYTES = 8_000_000


@dataclass(frozen=True)
class Document:
    """A text and where it comes from. `id` is unique in the corpus and stable between versions of it."""

    id: str
    text: str
    title: str = ""
    source: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


class DocumentWriter:
    """Writes the documents of one split as `<split>-00000.parquet`, …; use as a context manager."""

    def __init__(self, folder: Path, split: str, shard_mb: int):
        folder.mkdir(parents=True, exist_ok=True)
        for left in document_files(folder, split):  # by an attempt that was killed: readers take all there is
            left.unlink()
        self._folder, self._split, self._shard_bytes = folder, split, shard_mb * 1_000_000
        self._rows: list[dict[str, str]] = []
        self._row_bytes = self._file_bytes = 0
        self._files = 0
        self._file: pq.ParquetWriter | None = None
        self.documents = self.bytes = 0

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._close_file()

    def write(self, document: Document) -> None:
        size = len(document.text.encode())
        row = {"id": document.id, "title": document.title, "text": document.text, "source": document.source}
        self._rows.append({**row, "meta": json.dumps(document.meta, ensure_ascii=False)})
        self._row_bytes += size
        self.documents += 1
        self.bytes += size
        if self._row_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            if self._file is None:
                path = self._folder / f"{self._split}-{self._files:05d}.parquet"
                # A dictionary or statistics of texts would hold whole texts again, and hide their size.
                self._file = pq.ParquetWriter(
                    path,
                    SCHEMA,
                    compression="zstd",
                    use_dictionary=["source"],
                    write_page_checksum=True,
                    write_statistics=False,
                )
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._file_bytes += self._row_bytes
            self._rows, self._row_bytes = [], 0
        if self._file_bytes >= self._shard_bytes:
            self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file, self._file_bytes = None, 0
            self._files += 1


def document_files(folder: Path, split: str) -> list[Path]:
    """The split's Parquet files in order; none where the split is empty."""
    return sorted(folder.glob(f"{split}-*.parquet"))


def count_documents(folder: Path, split: str) -> int:
    return sum(pq.read_metadata(path).num_rows for path in document_files(folder, split))


def read_documents(folder: Path, split: str, batch_size: int = 256) -> Iterator[Document]:
    """The split's documents in order, a batch in memory at a time."""
    for row in _rows(folder, split, SCHEMA.names, batch_size):
        yield Document(row["id"], row["text"], row["title"], row["source"], json.loads(row["meta"]))


def read_texts(folder: Path, split: str, batch_size: int = 256) -> Iterator[str]:
    """The split's texts in order, without decoding the other columns."""
    for row in _rows(folder, split, ["text"], batch_size):
        yield row["text"]


def text_bytes(folder: Path, split: str) -> int:
    """Size of the split's texts by the files' metadata: near enough for a progress bar or a sampling rate."""
    total = 0
    for path in document_files(folder, split):
        with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            column = SCHEMA.names.index("text")
            groups = (file.metadata.row_group(group) for group in range(file.metadata.num_row_groups))
            total += sum(group.column(column).total_uncompressed_size for group in groups)
    return total


def sample_texts(folder: Path, split: str, megabytes: float) -> Iterator[str]:
    """Texts spread evenly over the split, at most `megabytes` (10^6 bytes) in all; the last may be cut to
    fit.

    Which ones depends on the documents alone.
    """
    limit = megabytes * 1_000_000
    rate = min(1.0, limit / max(text_bytes(folder, split), 1))
    seen = taken = 0
    for path in document_files(folder, split):
        with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(256, columns=["text"]):
                texts = batch.column(0)
                for row, size in enumerate(pc.binary_length(texts).to_pylist()):
                    if taken <= seen * rate:
                        text = texts[row].as_py()
                        if taken + size > limit:
                            yield text.encode()[: int(limit - taken)].decode(errors="ignore")
                            return
                        yield text
                        taken += size
                    seen += size


def _rows(folder: Path, split: str, columns: list[str], batch_size: int) -> Iterator[dict[str, str]]:
    for path in document_files(folder, split):
        with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(batch_size, columns=columns):
                yield from batch.to_pylist()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what pyarrow raises on a damaged file into a message for the user."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow raises a bare OSError for content that it cannot decode; one with a number is the system's.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"{path} is damaged ({error}); delete its artifact's folder and start again"
        ) from None
