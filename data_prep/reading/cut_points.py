"""Where a file of some format can be cut, so that each part of it is read without the others."""

import re
from pathlib import Path
from typing import BinaryIO

from data_prep.mediawiki.dump import is_splittable
from pipeline.formats.compressed import is_compressed
from pipeline.formats.parquet_files import read_metadata
from pipeline.formats.source import Source

_READ_SIZE = 1 << 20
_LINE_END = re.compile(rb"\n")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_LONGEST_MARK = 3
"""Bytes."""


def cut_points(path: Path, source: Source, piece_bytes: int) -> list[int]:
    """Offsets strictly inside the file, about `piece_bytes` apart; none where it must be read as a whole.

    Bytes, or row groups of a Parquet file. Text is cut at blank lines. WikiText and compressed JSON lines are read as a
    whole.
    """
    if source.format in ("parquet", "documents"):
        return _row_groups(path, piece_bytes)
    size = path.stat().st_size
    wanted = range(piece_bytes, size, piece_bytes)
    if source.format == "mediawiki":
        return list(wanted) if is_splittable(path) else []  # its reader takes any range
    by_line = source.format == "jsonl" and not is_compressed(path)
    if not by_line and source.format != "text":
        return []
    with path.open("rb") as file:
        found = (_after(file, offset, _LINE_END if by_line else _BLANK_LINE) for offset in wanted)
        return sorted({cut for cut in found if cut is not None and cut < size})


def _after(file: BinaryIO, offset: int, mark: re.Pattern[bytes]) -> int | None:
    """Where the first `mark` from `offset` on ends; None where there is none."""
    file.seek(offset)
    window, begin = b"", offset
    while data := file.read(_READ_SIZE):
        window += data
        if found := mark.search(window):
            return begin + found.end()
        begin += max(len(window) - _LONGEST_MARK, 0)
        window = window[-_LONGEST_MARK:]
    return None


def _row_groups(path: Path, piece_bytes: int) -> list[int]:
    metadata = read_metadata(path)
    cuts: list[int] = []
    size = 0
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        group_bytes = sum(columns.column(i).total_compressed_size for i in range(columns.num_columns))
        if size and size + group_bytes > piece_bytes:
            cuts.append(group)
            size = 0
        size += group_bytes
    return cuts
