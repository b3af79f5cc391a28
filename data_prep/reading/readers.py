"""The raw documents of a corpus, whatever its format, a span of a file at a time."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.mediawiki.dump import Damage, Page, iter_pages, read_site
from data_prep.mediawiki.site import Site
from data_prep.reading.pieces import Piece, Span
from data_prep.reading.row_text import title_and_text
from pipeline.errors import UserError
from pipeline.formats import wikitext
from pipeline.formats.compressed import DAMAGE, cut_or_damaged, decompress, open_content
from pipeline.formats.documents import Meta
from pipeline.formats.parquet_files import reading
from pipeline.formats.row_faults import faults_together
from pipeline.formats.rows import Fields
from pipeline.formats.source import Source
from pipeline.text.json_faults import json_fault

_LONGEST = 1 << 29
"""Characters in one document. Parquet holds at most 2 GiB in a cell, and so large a "document" is none."""


@dataclass(frozen=True, slots=True)
class Record:
    """A document as the corpus has it."""

    id: str
    """File and position in it (bytes, or rows), or wiki and page: what stays the same when the corpus grows."""
    text: str
    source: str
    title: str = ""
    meta: Meta = field(default_factory=dict)
    page: Page | None = None
    """Of a MediaWiki dump, with `site`."""
    site: Site | None = None


class CorpusReader:
    """Reads pieces of a corpus."""

    def __init__(self, source: Source, folder: Path, max_page: int):
        """Args:
        folder: of the download.
        max_page: bytes of XML; the text of a larger page of a dump is left out.
        """
        self._source, self._folder, self._max_page = source, folder, max_page
        self._sites: dict[int, Site] = {}

    def read_piece(self, piece: Piece, on_damage: Callable[[str, Damage], None]) -> Iterator[Record]:
        """The documents that begin in the piece.

        Args:
            on_damage: told the file, and what of a dump cannot be read, which is then left out.

        Raises:
            UserError: where a file is absent or has another shape than the source says.
        """
        source = self._source
        place = (
            f"{piece.part}/" if piece.part else ""
        )  # two parts may have files, or documents, of the same name
        for span in piece.spans:
            path, label = source.locate(source.files[span.file], self._folder), self._labels[span.file]
            if source.format == "mediawiki":
                records = self._pages(span, path, partial(on_damage, str(path)))
            elif source.format == "documents":
                records = _documents(path, span, place)
            else:
                reader = {"text": _text, "jsonl": _jsonl, "parquet": _parquet, "wikitext": _wikitext}[
                    source.format
                ]
                records = (
                    Record(f"{place}{label}:{position}", text, source.name, title)
                    for title, text, position in reader(path, source, span)
                )
            for record in records:
                if len(record.text) > _LONGEST:
                    raise UserError(
                        f"{path}: {record.id} is longer than the {_LONGEST:,} characters allowed. Split it: "
                        "in text files a blank line does, with corpus.split_documents=true"
                    )
                yield record

    def _pages(self, span: Span, path: Path, on_damage: Callable[[Damage], None]) -> Iterator[Record]:
        if span.file not in self._sites:
            self._sites[span.file] = read_site(path)
        site = self._sites[span.file]
        name = site.dbname or self._source.name
        for page in iter_pages(
            path, start=span.start, end=span.end, max_page=self._max_page, on_damage=on_damage
        ):
            meta = {"timestamp": page.timestamp}
            yield Record(f"{name}:{page.id}", page.text, name, page.title, meta, page, site)

    @cached_property
    def _labels(self) -> list[str]:
        return shortest_labels([file.path for file in self._source.files])


def shortest_labels(paths: Sequence[str]) -> list[str]:
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


def _documents(path: Path, span: Span, place: str) -> Iterator[Record]:
    for row, _ in _parquet_rows(path, span, ["id", "title", "text", "source", "meta"]):
        yield Record(place + row["id"], row["text"], row["source"], row["title"], json.loads(row["meta"]))


def _text(path: Path, source: Source, span: Span) -> Iterator[tuple[str, str, int]]:
    with path.open("rb") as file:
        if not source.files[span.file].split_documents:
            file.seek(span.start)
            content = file.read(-1 if span.end is None else span.end - span.start)
            yield "", content.decode("utf-8-sig", "replace"), span.start
            return
        lines: list[str] = []
        begin = 0
        for line, position in _lines_of(file, path, span):
            if line.strip():
                begin = begin if lines else position
                lines.append(line)
            elif lines:
                yield "", "".join(lines), begin
                lines.clear()
        if lines:
            yield "", "".join(lines), begin


def _wikitext(path: Path, source: Source, span: Span) -> Iterator[tuple[str, str, int]]:
    # Lines end in \n only: the text has other characters that Python takes for line ends.
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for number, (title, text) in enumerate(wikitext.articles(file)):
            yield title, text, number


def _jsonl(path: Path, source: Source, span: Span) -> Iterator[tuple[str, str, int]]:
    """Raises: UserError: behind the span's last line, naming all that hold no text."""
    lines_before = cache(lambda: _lines_before(path, span.start))  # counted only where a line is bad
    with path.open("rb") as raw, faults_together(str(path)) as faults:
        for number, (line, position) in enumerate(_lines_of(raw, path, span), 1):
            if not line.strip():
                continue
            try:
                title, text = _title_and_text_of(line, source.text_field)
            except UserError as error:
                where = f"{path}, line {lines_before() + number:,}"
                faults.add(where, UserError(f"{where}: {error}"))
            else:
                yield title, text, position


def _title_and_text_of(line: str, text_field: str) -> tuple[str, str]:
    """Raises: UserError: where the line is no JSON object with a text."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"this is no JSON ({json_fault(error)}); correct or delete the line") from None
    if not isinstance(row, dict):
        raise UserError(f"a {type(row).__name__} stands where an object must be")
    return title_and_text(row, text_field, "key")


def _lines_before(path: Path, position: int) -> int:
    """How many lines of a file (decompressed) end before a byte of it."""
    lines = 0
    with open_content(path) as file:
        while position > 0 and (data := file.read(min(position, 1 << 20))):
            lines += data.count(b"\n")
            position -= len(data)
    return lines


def _lines_of(raw: BinaryIO, path: Path, span: Span) -> Iterator[tuple[str, int]]:
    """The span's lines, decoded, and the byte at which each begins (in the decompressed file)."""
    raw.seek(span.start)
    position = span.start
    for line in _lines(raw, path):
        if span.end is not None and position >= span.end:
            return
        yield line.decode("utf-8-sig" if position == 0 else "utf-8", "replace"), position
        position += len(line)


def _lines(raw: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        yield from decompress(raw, path)
    except DAMAGE as error:
        raise cut_or_damaged(path, error) from None


def _parquet(path: Path, source: Source, span: Span) -> Iterator[tuple[str, str, int]]:
    for row, number in _parquet_rows(path, span, [source.text_field], ["title"]):
        try:
            title, text = title_and_text(row, source.text_field, "column")
        except UserError as error:
            raise UserError(f"{path}, row {number}: {error}") from None
        yield title, text, number


def _parquet_rows(
    path: Path, span: Span, columns: list[str], optional: Sequence[str] = ()
) -> Iterator[tuple[Fields, int]]:
    """The rows of the span's row groups, and their numbers in the file."""
    with reading(path), pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if missing := [name for name in columns if name not in names]:
            raise UserError(
                f"{path} has no column {missing[0]!r}; it has: {', '.join(names)}. Set corpus.text_field"
            )
        wanted = columns + [name for name in optional if name in names and name not in columns]
        end = file.num_row_groups if span.end is None else span.end
        numbers = count(sum(file.metadata.row_group(group).num_rows for group in range(span.start)))
        for batch in file.iter_batches(64, row_groups=list(range(span.start, end)), columns=wanted):
            cells = zip(*map(_values, batch.columns), strict=True)
            rows = (dict(zip(batch.schema.names, row, strict=True)) for row in cells)
            yield from zip(rows, numbers, strict=False)


def _values(column: pa.Array) -> list[Any]:
    try:
        return column.to_pylist()
    except UnicodeDecodeError:  # not every writer checks what it calls text
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        cells = plain.cast(pa.large_binary()).to_pylist()
        return [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
