"""Files that may be compressed with gzip, told by their ending in small or capital letters."""

import gzip
from pathlib import Path
from typing import BinaryIO, cast


def is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def open_content(path: Path) -> BinaryIO:
    """The file's bytes, decompressed where it is compressed."""
    # A GzipFile has all that a BinaryIO has, and its stubs do not say so.
    return cast(BinaryIO, gzip.open(path)) if is_gzip(path) else path.open("rb")
