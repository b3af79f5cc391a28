"""Files that may be compressed with gzip or zstd, told by their ending in small or capital letters."""

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from pipeline.errors import UserError

COMPRESSED = (".gz", ".zst")
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a compressed file raises where it is cut or damaged."""


def cut_or_damaged(path: Path, error: Exception) -> UserError:
    """What to tell where reading a file raised that."""
    return UserError(f"{path} is cut or damaged ({error}); get it again")


def is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def is_compressed(path: Path) -> bool:
    return path.suffix.lower() in COMPRESSED


def content_ending(path: Path) -> str:
    """The ending, in small letters, of what is inside: `.jsonl` of `a.JSONL.gz`."""
    return (Path(path.stem) if is_compressed(path) else path).suffix.lower()


def open_content(path: Path) -> BinaryIO:
    """The file's bytes, decompressed where it is compressed; closing it closes the file.

    Reading raises one of `DAMAGE` where it is cut or damaged.
    """
    # A GzipFile has all that a BinaryIO has, and its stubs do not say so.
    if is_gzip(path):
        return cast(BinaryIO, gzip.open(path))
    return _zstd(pa.OSFile(str(path))) if is_compressed(path) else path.open("rb")


def decompress(file: BinaryIO, path: Path) -> BinaryIO:
    """The same of a file that is open already, and stays open."""
    if is_gzip(path):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    return _zstd(pa.PythonFile(file, mode="r")) if is_compressed(path) else file


def _zstd(file: pa.NativeFile) -> BinaryIO:
    return io.BufferedReader(_Zstd(file))


class _Zstd(io.RawIOBase):
    """The content of a zstd file of one frame or several, as a stream."""

    def __init__(self, file: pa.NativeFile) -> None:
        self._stream = pa.CompressedInputStream(file, "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            return self._stream.readinto(buffer)
        except OSError as error:
            if error.errno is not None:
                raise
            raise EOFError(str(error)) from None  # Arrow raises a bare OSError for what it cannot decode

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
