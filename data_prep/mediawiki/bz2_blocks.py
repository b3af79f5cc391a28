"""Parallel bz2 decompression, block by block, of single-stream and multistream files alike.

A bz2 file is a row of blocks of at most 900 kB, each compressed on its own with its own checksum, and each
opening with the same 48-bit number, at any bit. So blocks can be found without decoding anything, and each
of them, given a stream header and a trailer, is a small bz2 file of its own (what ``bzip2recover`` does to
rescue damaged files). ``bz2`` releases the GIL while it works: threads are enough.
"""

import bz2
import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK_MAGIC = 0x314159265359  # the digits of π
_END_MAGIC = 0x177245385090  # the digits of √π
_TRAILER_BITS = 48 + 32  # the end magic and the stream's checksum, before the padding to a whole byte

_STREAM_HEADER = re.compile(rb"BZh[1-9]")
_EMPTY_STREAM = re.compile(rb"BZh[1-9]\x17\x72\x45\x38\x50\x90\x00{4}")

_READ_SIZE = 1 << 20
_MAX_PIECE = 4 << 20
"""Bytes. A block of 900 kB never compresses to much more than that: with no mark within this many bytes,
the file isn't bz2 any more."""


class CorruptDataError(Exception):
    """The compressed data ends early or contradicts its checksum.

    Attributes: ``offset`` (bytes into the compressed file), ``reason`` (a clause).
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True)
class _Piece:
    """The bits from one block magic to the next, or to the end of the file."""

    data: bytes
    first_bit: int
    """0 to 7: where in ``data[0]`` the block begins."""
    end_bit: int
    """Where the next block begins, counted from the first bit of ``data``."""
    offset: int
    """Where ``data`` begins in the file, in bytes."""
    is_last: bool


def decompress(file: BinaryIO, workers: int = 1) -> Iterator[tuple[bytes, int]]:
    """Yield the data of each block in order, with the offset in the file at which the block begins.

    ``workers`` threads decompress ahead of the consumer, two blocks each at most.
    Raises ``CorruptDataError`` after every block before the damage has been yielded.
    """
    pieces = _split(file)
    damage: CorruptDataError | None = None
    pending: deque[tuple[_Piece, Future[bytes | None]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="bz2")

    def refill() -> None:
        nonlocal damage
        while damage is None and len(pending) < 2 * workers:
            try:
                piece = next(pieces, None)
            except CorruptDataError as error:
                damage = error
                return
            if piece is None:
                return
            pending.append((piece, pool.submit(_decompress_block, piece)))

    try:
        refill()
        while pending:
            piece, future = pending.popleft()
            block = future.result()
            refill()
            if block is None and pending:
                # Once in some thousand large dumps, the magic number occurs by chance inside a block.
                following, _ = pending.popleft()
                block = _decompress_block(_join(piece, following))
            if block is None:
                reason = "the data ends early" if piece.is_last else "the data contradicts its checksum"
                raise CorruptDataError(reason, piece.offset)
            yield block, piece.offset
        if damage is not None:
            raise damage
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _split(file: BinaryIO) -> Iterator[_Piece]:
    """Cut a file at its block magics. Raises ``CorruptDataError`` where the file can't be bz2."""
    buffer = file.read(_READ_SIZE)
    if not _STREAM_HEADER.match(buffer):
        raise CorruptDataError("there is no bz2 header", 0)
    base = 0  # where the buffer begins in the file
    start: int | None = None  # bit in the buffer where the current block begins
    scanned = 0  # bytes of the buffer already searched
    while True:
        more = file.read(_READ_SIZE)
        # A magic may end within the byte that follows it: at the end of the file, give it one to end in.
        marks, scanned = _find_magics(buffer if more else buffer + b"\0", scanned)
        for mark in marks:
            if start is not None:
                data = buffer[start // 8 : (mark + 7) // 8]
                yield _Piece(data, start % 8, mark - start // 8 * 8, base + start // 8, False)
            start = mark
        if not more:
            break
        keep = scanned if start is None else start // 8
        if len(buffer) - keep > _MAX_PIECE:
            raise CorruptDataError("no bz2 block ends", base + keep)
        buffer = buffer[keep:] + more
        base += keep
        scanned -= keep
        start = None if start is None else start % 8
    if start is not None:
        data = buffer[start // 8 :]
        yield _Piece(data, start % 8, 8 * len(data), base + start // 8, True)
    elif not re.fullmatch(rb"(?:%s)+" % _EMPTY_STREAM.pattern, buffer):
        raise CorruptDataError("the data ends early", base + len(buffer))


def _find_magics(buffer: bytes, start: int) -> tuple[list[int], int]:
    """The bit positions of the block magics that begin at byte ``start`` or later, and where to go on."""
    marks = []
    for shift in range(8):
        pattern = (_BLOCK_MAGIC << (8 - shift)).to_bytes(7, "big")
        first_mask, last_mask = 0xFF >> shift, 0xFF00 >> shift & 0xFF
        # Only the five bytes in the middle are wholly the magic's own.
        at = buffer.find(pattern[1:6], start + 1)
        while 0 <= at < len(buffer) - 5:
            if buffer[at - 1] & first_mask == pattern[0] and buffer[at + 5] & last_mask == pattern[6]:
                marks.append(8 * (at - 1) + shift)
            at = buffer.find(pattern[1:6], at + 1)
    return sorted(marks), max(start, len(buffer) - 6)


def _join(first: _Piece, second: _Piece) -> _Piece:
    overlap = 1 if second.first_bit else 0
    return _Piece(
        first.data + second.data[overlap:],
        first.first_bit,
        8 * (second.offset - first.offset) + second.end_bit,
        first.offset,
        second.is_last,
    )


def _decompress_block(piece: _Piece) -> bytes | None:
    """The block's data, or None where it is incomplete or damaged."""
    end_bit = _stream_end(piece)
    if end_bit is None:
        if piece.is_last:
            return None
        end_bit = piece.end_bit
    length = end_bit - piece.first_bit
    if length < _TRAILER_BITS:
        return None
    bits = int.from_bytes(piece.data, "big") >> (8 * len(piece.data) - end_bit)
    bits &= (1 << length) - 1
    checksum = bits >> (length - 80) & 0xFFFFFFFF  # follows the magic; of one block it is the stream's too
    padding = -length % 8
    bits = ((bits << _TRAILER_BITS) | _END_MAGIC << 32 | checksum) << padding
    decompressor = bz2.BZ2Decompressor()
    try:
        block = decompressor.decompress(
            b"BZh9" + bits.to_bytes((length + _TRAILER_BITS + padding) // 8, "big")
        )
    except OSError:
        return None
    return block if decompressor.eof else None


def _stream_end(piece: _Piece) -> int | None:
    """The bit at which the stream's trailer begins, where the piece's block is the last of its stream."""
    end = len(piece.data)
    if not piece.is_last:
        end = piece.end_bit // 8 - 4
        if piece.end_bit % 8 or not _STREAM_HEADER.match(piece.data, end):
            return None
    while _EMPTY_STREAM.match(piece.data, end - 14):
        end -= 14
    tail = int.from_bytes(piece.data[max(end - 16, 0) : end], "big")
    for padding in range(8):
        if tail >> (padding + 32) & 0xFFFFFFFFFFFF == _END_MAGIC:
            return 8 * end - padding - _TRAILER_BITS
    return None
