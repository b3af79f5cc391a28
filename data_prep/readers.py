"""The raw documents of a corpus, whatever its format, one at a time."""

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep import wikitext
from data_prep.mediawiki.dump import Page, iter_pages, read_site
from data_prep.mediawiki.site import Site
from data_prep.splits import HELD_OUT
from pipeline.errors import UserError
from pipeline.source import Source, SourceFile

_LONGEST = 1 << 29
"""Characters in one document. Parquet holds at most 2 GiB in a cell, and so large a "document" is none."""


@dataclass(frozen=True, slots=True)
class Record:
    """A document as the corpus has it."""

    id: str
    """File and position in it, or wiki and page: what stays the same when the corpus grows."""
    text: str
    source: str
    title: str = ""
    split: str | None = None
    """The corpus's own."""
    meta: dict[str, Any] = field(default_factory=dict)
    page: Page | None = None
    """Of a MediaWiki dump, with `site`."""
    site: Site | None = None


def read_records(
    source: Source, folder: Path, threads: int = 1, advance: Callable[[float], None] = lambda read: None
) -> Iterator[Record]:
    """All documents of a corpus, those that it holds out first.

    Args:
        folder: the download artifact's.
        threads: for the decompression of dumps.
        advance: told how many bytes of the files have been read since it was last told.

    Raises:
        UserError: where a file is absent or damaged, or has another shape than the source says; from a
            damaged dump, all pages before the damage come first.
    """
    # Held-out documents first, so that training documents that equal one can be recognized.
    files = sorted(source.files, key=lambda file: file.split not in HELD_OUT)
    labels = _labels([file.path for file in files])
    paths = [source.locate(file, folder) for file in files]
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} is gone; put it back, or run the download stage again")
    # A file that is no dump is found before the first is cleaned, which may take hours.
    sites = [read_site(path) if source.format == "mediawiki" else None for path in paths]
    for file, path, label, site in zip(files, paths, labels, sites, strict=True):
        position = 0
        for record, offset in _read_file(source, file, path, label, site, threads):
            if len(record.text) > _LONGEST:
                raise UserError(
                    f"{path}: {record.id} is longer than the {_LONGEST:,} characters allowed. Split it: "
                    "in text files a blank line does, with corpus.split_documents=true"
                )
            advance(offset - position)
            position = offset
            yield record
        advance(file.bytes - position)


def _labels(paths: list[str]) -> list[str]:
    """The shortest end of each path that tells it from the others: the file's name, where that suffices."""
    parts = [Path(path).parts for path in paths]
    depth = [1] * len(parts)
    while True:
        labels = ["/".join(part[-n:]) for part, n in zip(parts, depth, strict=True)]
        times = Counter(labels)
        clashes = [i for i, label in enumerate(labels) if times[label] > 1 and depth[i] < len(parts[i])]
        if not clashes:
            return labels
        for i in clashes:
            depth[i] += 1


def _read_file(
    source: Source, file: SourceFile, path: Path, label: str, site: Site | None, threads: int
) -> Iterator[tuple[Record, int]]:
    """Each document, and how far into the file, in bytes, reading has come."""
    if source.format == "mediawiki":
        for page in iter_pages(path, threads):
            name = site.dbname or source.name
            meta = {"timestamp": page.timestamp}
            record = Record(f"{name}:{page.id}", page.text, name, page.title, file.split, meta, page, site)
            yield record, page.offset
        return
    if source.format == "documents":
        for row, offset in _parquet_rows(path, ["id", "title", "text", "source", "meta"]):
            meta = json.loads(row["meta"])
            yield Record(row["id"], row["text"], row["source"], row["title"], file.split, meta), offset
        return
    reader = {"text": _text, "jsonl": _jsonl, "parquet": _parquet, "wikitext": _wikitext}[source.format]
    for number, (title, text, offset) in enumerate(reader(path, source)):
        yield Record(f"{label}:{number}", text, source.name, title, file.split), offset


def _text(path: Path, source: Source) -> Iterator[tuple[str, str, int]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        if not source.split_documents:
            yield "", file.read(), file.tell()
            return
        lines: list[str] = []
        for line in file:
            if line.strip():
                lines.append(line)
            elif lines:
                yield "", "".join(lines), file.buffer.tell()
                lines.clear()
        if lines:
            yield "", "".join(lines), file.buffer.tell()


def _wikitext(path: Path, source: Source) -> Iterator[tuple[str, str, int]]:
    # Lines end in \n only: the text has other characters that Python takes for line ends.
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for title, text in wikitext.articles(file):
            yield title, text, file.buffer.tell()


def _jsonl(path: Path, source: Source) -> Iterator[tuple[str, str, int]]:
    with path.open("rb") as raw:
        for number, line in enumerate(_lines(raw, path), 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line.decode("utf-8-sig", "replace"))
            except (ValueError, RecursionError) as error:
                raise UserError(f"{where}: this is no JSON ({error}); correct or delete the line") from None
            if not isinstance(row, dict):
                raise UserError(f"{where}: a {type(row).__name__} stands where an object must be")
            yield *_fields(row, source.text_field, where, "key"), raw.tell()


def _lines(raw: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        yield from gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is cut or damaged ({error}); get it again") from None


def _parquet(path: Path, source: Source) -> Iterator[tuple[str, str, int]]:
    for number, (row, offset) in enumerate(_parquet_rows(path, [source.text_field], ["title"])):
        yield *_fields(row, source.text_field, f"{path}, row {number}", "column"), offset


def _parquet_rows(
    path: Path, columns: list[str], optional: Sequence[str] = ()
) -> Iterator[tuple[dict[str, Any], int]]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if missing := [name for name in columns if name not in names]:
                raise UserError(
                    f"{path} has no column {missing[0]!r}; it has: {', '.join(names)}. Set corpus.text_field"
                )
            wanted = columns + [name for name in optional if name in names and name not in columns]
            rows, size = 0, path.stat().st_size
            for batch in file.iter_batches(64, columns=wanted):
                rows += batch.num_rows
                offset = size * rows // file.metadata.num_rows
                yield from ((row, offset) for row in batch.to_pylist())
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is no Parquet file, or is damaged ({error}); get it again") from None


def _fields(row: dict[str, Any], text_field: str, where: str, kind: str) -> tuple[str, str]:
    """Title (empty where there is none) and text. A null is no text."""
    if text_field not in row:
        raise UserError(
            f"{where}: no {kind} {text_field!r}; there is: {', '.join(row) or 'none'}. Set corpus.text_field"
        )
    text, title = row[text_field], row.get("title")
    if text is not None and not isinstance(text, str):
        raise UserError(
            f"{where}: {text_field!r} holds a {type(text).__name__}, not text. "
            f"Set corpus.text_field to another {kind}"
        )
    return title if isinstance(title, str) else "", text or ""
