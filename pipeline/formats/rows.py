"""Rows of jsonl, json, csv, tsv and Parquet files, and of zip archives of labelled texts, whatever their fields."""

import csv
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import pyarrow.parquet as pq

from pipeline.errors import UserError
from pipeline.formats.compressed import DAMAGE, content_ending, open_content
from pipeline.formats.encodings import not_utf8
from pipeline.formats.hub import HubSplit
from pipeline.formats.label_files import read_label_files
from pipeline.formats.parallel_files import ParallelFiles
from pipeline.formats.parquet_files import reading
from pipeline.text.counts import counted
from pipeline.text.json_faults import json_fault
from pipeline.text.surrogates import take_out_surrogates

logger = logging.getLogger(__name__)

Fields = dict[str, Any]
"""What a row holds, by name: whatever its file has."""
Row = tuple[str, Fields]
"""Where a row stands, for messages, and its fields."""
RowSource = Path | HubSplit | ParallelFiles
"""Where rows are read from."""


def read_rows(source: RowSource, numbered: bool = False, ending: str | None = None) -> Iterator[Row]:
    """The rows of a data set of the hub, of two files of pairs, or of a file by its ending; .txt is read as .tsv. Lone
    halves of surrogate pairs are taken out. Files of text may be compressed (.gz, .zst).

    Args:
        numbered: the fields of a csv or tsv are the numbers of its columns, from 1, and its first line is a row;
            else it is a header with the fields' names.
        ending: how a file is read that is not called so.

    Raises:
        UserError: for another ending, and naming the line, for what is no row.
    """
    if isinstance(source, HubSplit):
        if numbered:
            raise UserError(
                f"{source.address}: columns have numbers in csv and tsv files only; name the fields"
            )
        yield from source.rows()
        return
    if isinstance(source, ParallelFiles):
        yield from ((where, take_out_surrogates(row)[0]) for where, row in source.rows())
        return
    path = source
    ending = ending or content_ending(path)
    read = {
        ".jsonl": _read_json,
        ".json": _read_json,
        ".csv": _read_quoted_table,
        ".tsv": _read_table,
        ".txt": _read_table,
        ".parquet": _read_parquet,
        ".zip": _read_zip,
    }
    if ending not in read:
        raise UserError(f"{path}: rows are read from {', '.join(read)} files, not {path.suffix or 'this'}")
    if numbered and read[ending] not in (_read_quoted_table, _read_table):
        raise UserError(f"{path}: columns have numbers in csv and tsv files only; name the fields")
    halves = touched = 0
    try:
        for where, row in read[ending](path, numbered):
            row, count = take_out_surrogates(row)
            halves, touched = halves + count, touched + (count > 0)
            yield where, row
    except UnicodeDecodeError as error:
        raise not_utf8(error, path) from None
    except DAMAGE as error:
        raise UserError(f"{path} is cut or damaged ({error}); get it again") from None
    if halves:
        logger.warning(
            "%s: %s taken out of %s",
            path,
            counted(
                halves,
                "half of a surrogate pair, which is no character, is",
                "halves of surrogate pairs, which are no characters, are",
            ),
            counted(touched, "row"),
        )


def _read_zip(path: Path, _: bool) -> Iterator[Row]:
    yield from read_label_files(path)


def _read_parquet(path: Path, _: bool) -> Iterator[Row]:
    with reading(path), pq.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(64) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield f"{path}, row {number}", row


def _read_json(path: Path, _: bool) -> Iterator[Row]:
    """One array, or one object per line: files named .json hold either."""
    with _open_text(path) as file:
        is_array = file.read(256).lstrip()[:1] == "["
    with _open_text(path) as file:
        if is_array:
            try:
                rows = json.load(file)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path} is not JSON: {error}") from None
            located = ((f"{path}, item {number}", row) for number, row in enumerate(rows, 1))
        else:
            located = _json_lines(path, file)
        for where, row in located:
            if not isinstance(row, dict):
                raise UserError(f"{where}: a row must be a JSON object, not {row!r:.60}")
            yield where, row


def _json_lines(path: Path, lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield f"{path}, line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}, line {number} is not JSON: {json_fault(error)}") from None


def _open_text(path: Path, newline: str | None = None) -> TextIO:
    return io.TextIOWrapper(open_content(path), encoding="utf-8-sig", newline=newline)


def _read_quoted_table(path: Path, numbered: bool) -> Iterator[Row]:
    """Separated by commas, with quotes around cells that hold commas, quotes or line ends."""
    return _read_table(path, numbered, ",", csv.QUOTE_MINIMAL)


def _read_table(
    path: Path, numbered: bool, delimiter: str = "\t", quoting: Literal[0, 3] = csv.QUOTE_NONE
) -> Iterator[Row]:
    """Separated by tabs, without quotes; with a header unless the columns have numbers."""
    csv.field_size_limit(sys.maxsize)
    with _open_text(path, newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=delimiter, quoting=quoting)
        names: list[str] | None = None
        try:
            for cells in reader:
                where = f"{path}, line {reader.line_num}"
                if not cells:
                    continue
                if numbered:
                    yield where, {str(number): cell for number, cell in enumerate(cells, 1)}
                elif names is None:
                    names = cells
                    if twice := sorted({name for name in names if name and names.count(name) > 1}):
                        raise UserError(
                            f"{where}: several columns are called {', '.join(twice)}; rename all but one"
                        )
                else:
                    if len(cells) != len(names):
                        raise UserError(
                            f"{where}: {counted(len(cells), 'column')}, but the header has {len(names)}"
                        )
                    yield where, dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise UserError(f"{path}, line {reader.line_num}: {error}") from None
