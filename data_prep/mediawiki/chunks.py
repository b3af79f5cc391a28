"""The decompressed content of a dump file, a chunk at a time."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data_prep.mediawiki.bz2_blocks import Block, decompress
from data_prep.mediawiki.damage import Damage
from pipeline.formats.compressed import DAMAGE, is_gzip

_READ_SIZE = 1 << 20


def is_splittable(path: Path) -> bool:
    """Whether a file can be read from the middle on: all but ``.gz``."""
    return not is_gzip(path)


def read_chunks(
    path: Path, workers: int = 1, start: int = 0, end: int | None = None
) -> Iterator[Block | Damage]:
    """Yield the content of a plain, ``.gz`` or ``.bz2`` file from byte ``start`` of the file on.

    What follows behind ``end`` begins with a chunk of its own, with an offset of ``end`` or more; in bz2, a
    block lies where it begins. Only bz2 uses ``workers``, its decompression threads. A ``.gz`` file is read
    from its beginning whatever ``start``, and no further than its first damage.
    """
    with open(path, "rb") as file:
        if path.suffix.lower() == ".bz2":
            yield from decompress(file, workers, start, end)
        elif is_gzip(path):
            yield from _read_gzip(file, path.stat().st_size)
        else:
            file.seek(start)
            end = sys.maxsize if end is None else end
            while data := file.read(min(_READ_SIZE, end - start if start < end else _READ_SIZE)):
                yield Block(data, start, len(data))
                start += len(data)


def _read_gzip(file: BinaryIO, size: int) -> Iterator[Block | Damage]:
    source = gzip.GzipFile(fileobj=file)
    while True:
        offset = file.tell()
        try:
            data = source.read1(_READ_SIZE)  # unlike read, gives what comes before an error
        except DAMAGE as error:
            yield Damage(offset, size - offset, str(error))
            return
        if not data:
            return
        yield Block(data, offset, file.tell() - offset)
