"""Rows of jsonl, json, csv, tsv and Parquet files, and of zip archives of labelled texts, whatever their fields."""

import csv
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TextIO, TypeVar

import pyarrow.parquet as pq

from pipeline.errors import UserError
from pipeline.formats.compressed import DAMAGE, content_ending, cut_or_damaged, open_content
from pipeline.formats.encodings import not_utf8
from pipeline.formats.hub import HubSplit
from pipeline.formats.label_files import read_label_files
from pipeline.formats.parallel_files import ParallelFiles
from pipeline.formats.parquet_files import reading
from pipeline.formats.row_faults import read_all
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

T = TypeVar("T")
_Found = tuple[str, Fields | UserError]
"""Where a row stands, and its fields or what is wrong with it: reading goes on behind such a row."""


def read_rows(source: RowSource, numbered: bool = False, ending: str | None = None) -> Iterator[Row]:
    """The rows of a data set of the hub, of two files of pairs, or of a file by its ending; .txt is read as .tsv. Lone
    halves of surrogate pairs are taken out. Files of text may be compressed (.gz, .zst).

    Args:
        numbered: the fields of a csv or tsv are the numbers of its columns, from 1, and its first line is a row;
            else it is a header with the fields' names.
        ending: how a file is read that is not called so.

    Raises:
        UserError: for another ending, and naming all lines that are no rows, behind the last row.
    """
    return read_each(source, lambda where, row: (where, row), numbered, ending)


def read_each(
    source: RowSource, read: Callable[[str, Fields], T], numbered: bool = False, ending: str | None = None
) -> Iterator[T]:
    """What `read` makes of each row.

    Args:
        read: given where the row stands, for messages, and its fields; raises a `UserError` for a bad one.
        numbered, ending: as of `read_rows`.

    Raises:
        UserError: as `read_rows`, with the rows that `read` raises one for.
    """

    def read_sound(where: str, row: Fields | UserError) -> T:
        if isinstance(row, UserError):
            raise row
        return read(where, row)

    return read_all(_name(source), _find_rows(source, numbered, ending), read_sound)


def _name(source: RowSource) -> str:
    """With which the places of its rows begin."""
    if isinstance(source, HubSplit):
        return source.address
    return source.name if isinstance(source, ParallelFiles) else str(source)


def _find_rows(source: RowSource, numbered: bool, ending: str | None) -> Iterator[_Found]:
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
            if not isinstance(row, UserError):
                row, count = take_out_surrogates(row)
                halves, touched = halves + count, touched + (count > 0)
            yield where, row
    except UnicodeDecodeError as error:
        raise not_utf8(error, path) from None
    except DAMAGE as error:
        raise cut_or_damaged(path, error) from None
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


def _read_zip(path: Path, _: bool) -> Iterator[_Found]:
    yield from read_label_files(path)


def _read_parquet(path: Path, _: bool) -> Iterator[_Found]:
    with reading(path), pq.ParquetFile(path) as file:
        rows = (row for batch in file.iter_batches(64) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield f"{path}, row {number}", row


def _read_json(path: Path, _: bool) -> Iterator[_Found]:
    """One array, or one object per line: files named .json hold either."""
    with _open_text(path) as file:
        is_array = file.read(256).lstrip()[:1] == "["
    with _open_text(path) as file:
        if is_array:
            try:
                rows = json.load(file)
            except UnicodeDecodeError:
                raise  # for whoever reads rows, which tells the encoding
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path} is not JSON: {error}") from None
            located = ((f"{path}, item {number}", row) for number, row in enumerate(rows, 1))
        else:
            located = _json_lines(path, file)
        for where, row in located:
            if isinstance(row, (dict, UserError)):
                yield where, row
            else:
                yield where, UserError(f"{where}: a row must be a JSON object, not {row!r:.60}")


def _json_lines(path: Path, lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        if line.strip():
            try:
                yield where, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield where, UserError(f"{where} is not JSON: {json_fault(error)}")


def _open_text(path: Path, newline: str | None = None) -> TextIO:
    return io.TextIOWrapper(open_content(path), encoding="utf-8-sig", newline=newline)


def _read_quoted_table(path: Path, numbered: bool) -> Iterator[_Found]:
    """Separated by commas, with quotes around cells that hold commas, quotes or line ends."""
    return _read_table(path, numbered, ",", csv.QUOTE_MINIMAL)


def _read_table(
    path: Path, numbered: bool, delimiter: str = "\t", quoting: Literal[0, 3] = csv.QUOTE_NONE
) -> Iterator[_Found]:
    """Separated by tabs, without quotes; with a header unless the columns have numbers."""
    names: list[str] | None = None
    for where, cells in _table_cells(path, delimiter, quoting):
        if isinstance(cells, UserError):
            if names is None and not numbered:
                raise cells  # without its header there is no table
            yield where, cells
        elif numbered:
            yield where, {str(number): cell for number, cell in enumerate(cells, 1)}
        elif names is None:
            names = cells
            if twice := sorted({name for name in names if name and names.count(name) > 1}):
                raise UserError(f"{where}: several columns are called {', '.join(twice)}; rename all but one")
        elif len(cells) != len(names):
            columns = counted(len(cells), "column")
            yield where, UserError(f"{where}: {columns}, but the header has {len(names)}")
        else:
            yield where, dict(zip(names, cells, strict=True))


def _table_cells(
    path: Path, delimiter: str, quoting: Literal[0, 3]
) -> Iterator[tuple[str, list[str] | UserError]]:
    """The cells of each row that is not empty, or what is wrong with it; reading goes on behind it."""
    csv.field_size_limit(sys.maxsize)
    with _open_text(path, newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=delimiter, quoting=quoting)
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                # A quote that is never closed is told where it was opened, however far behind reading failed.
                where = f"{path}, line {first}"
                yield where, UserError(f"{where}: {error}")
                continue
            if cells is None:
                return
            if cells:
                yield f"{path}, line {reader.line_num}", cells
