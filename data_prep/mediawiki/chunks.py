"""The decompressed content of a dump file, a chunk at a time."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from data_prep.mediawiki.bz2_blocks import CorruptDataError, decompress

_READ_SIZE = 1 << 20


def read_chunks(path: Path, workers: int = 1) -> Iterator[tuple[bytes, int]]:
    """Yield the content of a plain, ``.gz`` or ``.bz2`` file, and the offset on disk of each chunk.

    Only bz2 uses ``workers``, its decompression threads. Raises ``CorruptDataError`` where compressed data is
    cut or damaged, after all that comes before.
    """
    with open(path, "rb") as file:
        if path.suffix == ".bz2":
            # A file that was never written is not damaged: the reader of its content says that it is empty.
            if path.stat().st_size:
                yield from decompress(file, workers)
            return
        source = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
        while True:
            offset = file.tell()
            try:
                data = source.read1(_READ_SIZE)  # unlike read, gives what comes before an error
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise CorruptDataError(str(error), offset) from error
            if not data:
                return
            yield data, offset
