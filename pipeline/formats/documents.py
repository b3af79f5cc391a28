"""Documents on disk: Parquet files of bounded size per split, read and written in constant memory."""

import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import UserError
from pipeline.formats.parquet_files import read_metadata, reading
from pipeline.store import durable
from pipeline.text.counts import counted

SPLITS = ("train", "validation", "test")
SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "title", "text", "source", "meta")])
ROW_GROUP_BYTES = 8_000_000
REMEDY = "delete its artifact's folder and start again"
"""Of a file of documents that is damaged."""


Meta = dict[str, Any]
"""What else is known of a document, by name, as JSON: its language and kind, facts of its markup."""


@dataclass(frozen=True)
class Document:
    """A text and where it comes from. `id` is unique in the corpus and stable between versions of it."""

    id: str
    text: str
    title: str = ""
    source: str = ""
    meta: Meta = field(default_factory=dict)


def ends_in_words(count: int) -> str:
    """What to say of held-out documents that are ends of others: their splits have them besides."""
    return counted(
        count,
        "held-out document is the end of a training document",
        "held-out documents are the ends of training documents",
    )


class DocumentFile:
    """Writes one Parquet file of documents in constant memory; it is there when it is complete, and not before.

    Use as a context manager; without a document there is no file.
    """

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA):
        """Args: schema: with further columns, whose values `write` is given."""
        self._path, self._schema = path, schema
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._rows: list[dict[str, Any]] = []
        self._row_bytes = 0
        self._file: pq.ParquetWriter | None = None
        self.bytes = 0
        """Of text."""

    def __enter__(self) -> "DocumentFile":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self._flush()
        if self._file is not None:
            self._file.close()
            if kind is None:
                durable.replace(self._scratch, self._path)
            else:
                self._scratch.unlink(missing_ok=True)

    def write(self, document: Document, **further: Any) -> None:
        size = len(document.text.encode())
        row = {"id": document.id, "title": document.title, "text": document.text, "source": document.source}
        self._rows.append({**row, "meta": json.dumps(document.meta, ensure_ascii=False), **further})
        self._row_bytes += size
        self.bytes += size
        if self._row_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._file is None:
            # A dictionary or statistics of texts would hold whole texts again, and hide their size.
            self._file = pq.ParquetWriter(
                self._scratch,
                self._schema,
                compression="zstd",
                use_dictionary=["source"],
                write_page_checksum=True,
                write_statistics=False,
            )
        self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []
        self._row_bytes = 0


class DocumentWriter:
    """Writes the documents of one split as `<split>-00000.parquet`, …; use as a context manager."""

    def __init__(self, folder: Path, split: str, shard_mb: int):
        folder.mkdir(parents=True, exist_ok=True)
        for left in document_files(folder, split):  # by an attempt that was killed: readers take all there is
            left.unlink()
        self._folder, self._split, self._shard_bytes = folder, split, shard_mb * 1_000_000
        self._file: DocumentFile | None = None
        self._files = 0
        self.documents = self.bytes = 0

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if self._file is not None:
            self._file.__exit__(kind)

    def write(self, document: Document) -> None:
        if self._file is not None and self._file.bytes >= self._shard_bytes:
            self._file.__exit__(None)
            self._file = None
        if self._file is None:
            self._file = DocumentFile(self._folder / document_name(self._split, self._files))
            self._files += 1
        before = self._file.bytes
        self._file.write(document)
        self.documents += 1
        self.bytes += self._file.bytes - before


def document_name(split: str, number: int, part: str = "") -> str:
    """A file's name: `train-00000.parquet`, or `train-wiki-00000.parquet` for a part of a mixture."""
    return "-".join([split, *([part] if part else []), f"{number:05d}.parquet"])


def document_part(path: Path) -> str:
    """The part of a mixture that a file belongs to; empty where there is only one corpus."""
    return "-".join(path.name.split("-")[1:-1])


def document_files(folder: Path, split: str) -> list[Path]:
    """The split's Parquet files in order, by part and number; none where the split is empty."""
    files = folder.glob(f"{split}-*.parquet")
    # Shorter names first: 100000 comes after 99999.
    return sorted(files, key=lambda path: (document_part(path), len(path.name), path.name))


def count_documents(folder: Path, split: str) -> int:
    return sum(read_metadata(path, REMEDY).num_rows for path in document_files(folder, split))


def read_documents(folder: Path, split: str, batch_size: int = 256) -> Iterator[Document]:
    """The split's documents in order, a batch in memory at a time."""
    for row in _rows(document_files(folder, split), SCHEMA.names, batch_size):
        yield _document(row)


def pick_documents(folder: Path, split: str, part: str, numbers: Collection[int]) -> dict[int, Document]:
    """Some documents of a part of the corpus, by their numbers in it, from 0: those that there are. Only the row groups
    that hold them are read."""
    found: dict[int, Document] = {}
    first = 0
    for path in document_files(folder, split):
        if document_part(path) != part:
            continue
        with reading(path, REMEDY), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.metadata.num_row_groups):
                end = first + file.metadata.row_group(group).num_rows
                if wanted := sorted(number for number in numbers if first <= number < end):
                    rows = file.read_row_group(group, SCHEMA.names).take([n - first for n in wanted])
                    found |= zip(wanted, map(_document, rows.to_pylist()), strict=True)
                first = end
    return found


def read_texts(folder: Path, split: str, batch_size: int = 256) -> Iterator[str]:
    """The split's texts in order, without decoding the other columns."""
    return texts_in(document_files(folder, split), batch_size)


def texts_in(files: Iterable[Path], batch_size: int = 256) -> Iterator[str]:
    """The texts of some files of documents."""
    return (row["text"] for row in _rows(files, ["text"], batch_size))


def text_bytes(folder: Path, split: str) -> int:
    """Size of the split's texts by the files' metadata: near enough for a progress bar or a sampling rate."""
    return sum(map(text_bytes_in, document_files(folder, split)))


def document_parts(folder: Path, split: str) -> list[str]:
    """Names of the parts of a mixture that the split has documents of; one named "" where there is only one corpus."""
    return list(dict.fromkeys(map(document_part, document_files(folder, split))))


def text_bytes_in(path: Path) -> int:
    """Size of a file's texts, likewise."""
    with reading(path, REMEDY), pq.ParquetFile(path, page_checksum_verification=True) as file:
        column = SCHEMA.names.index("text")
        groups = (file.metadata.row_group(group) for group in range(file.metadata.num_row_groups))
        return sum(group.column(column).total_uncompressed_size for group in groups)


def sample_texts(folder: Path, split: str, megabytes: float, parts: Collection[str] = ()) -> Iterator[str]:
    """Texts spread evenly over the split, at most `megabytes` (10^6 bytes) in all; the last may be cut to
    fit.

    Which ones depends on the documents alone.

    Args:
        parts: of a mixture; none takes all.
    """
    limit = megabytes * 1_000_000
    files = [path for path in document_files(folder, split) if not parts or document_part(path) in parts]
    rate = min(1.0, limit / max(sum(map(text_bytes_in, files)), 1))
    seen = taken = 0
    for path in files:
        with reading(path, REMEDY), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(256, columns=["text"]):
                texts = batch.column(0)
                for row, size in enumerate(pc.call_function("binary_length", [texts]).to_pylist()):
                    if taken <= seen * rate:
                        text = texts[row].as_py()
                        if taken + size > limit:
                            yield text.encode()[: int(limit - taken)].decode(errors="ignore")
                            return
                        yield text
                        taken += size
                    seen += size


def _document(row: dict[str, str]) -> Document:
    return Document(row["id"], row["text"], row["title"], row["source"], json.loads(row["meta"]))


def _rows(files: Iterable[Path], columns: list[str], batch_size: int) -> Iterator[dict[str, str]]:
    for path in files:
        with reading(path, REMEDY), pq.ParquetFile(path, page_checksum_verification=True) as file:
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                raise UserError(f"{path} is damaged (it has no column {missing[0]!r}); {REMEDY}")
            for batch in file.iter_batches(batch_size, columns=columns):
                yield from batch.to_pylist()
