"""Parallel bz2 decompression, block by block, of single-stream and multistream files alike.

A bz2 file is a row of blocks of at most 900 kB, each compressed on its own with its own checksum, and each
opening with the same 48-bit number, at any bit. So blocks can be found without decoding anything, from any
place in the file on, and each of them, given a stream header and a trailer, is a small bz2 file of its own
(what ``bzip2recover`` does to rescue damaged files). ``bz2`` releases the GIL while it works: threads are
enough.
"""

import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, NamedTuple

from data_prep.mediawiki.bz2_block import (
    EMPTY_STREAM,
    PackedBlock,
    decompress_block,
    join,
    rescue_block,
)
from data_prep.mediawiki.damage import Damage

_BLOCK_MAGIC = 0x314159265359  # the digits of π

_READ_SIZE = 1 << 20
_MAX_PACKED = 4 << 20
"""Bytes. A block of 900 kB never compresses to much more than that: with no mark within this many bytes,
the file isn't bz2 any more."""


class Block(NamedTuple):
    """Some content of a compressed file."""

    data: bytes
    offset: int
    """Where it begins in the file, in bytes."""
    size: int
    """Bytes of the file."""


def decompress(
    file: BinaryIO, workers: int = 1, start: int = 0, end: int | None = None
) -> Iterator[Block | Damage]:
    """Yield each block in order, and in their places what can't be decompressed.

    A block belongs to the range in which its magic begins. The blocks behind ``end`` follow those of the
    range for as long as the consumer asks. A damage lies between the blocks before and after it; what is lost
    goes from the block that can't be read to the next magic.

    Args:
        workers: threads that decompress ahead of the consumer, two blocks each at most.
        start: the first byte of the range.
        end: the byte behind it; None for the file's end.
    """
    end = sys.maxsize if end is None else end
    blocks = _split(file, start, end)
    pending: deque[tuple[PackedBlock, Future[bytes | None]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="bz2")

    def refill() -> None:
        # Behind the range, the consumer mostly needs one block: the end of its last page.
        while len(pending) < 2 * workers and not (pending and pending[-1][0].offset >= end):
            if (packed := next(blocks, None)) is None:
                return
            pending.append((packed, pool.submit(decompress_block, packed)))

    try:
        refill()
        is_first, found = True, bool(pending)
        while pending:
            packed, future = pending.popleft()
            block = future.result()
            refill()
            if block is None and pending and pending[0][0].end - packed.offset <= _MAX_PACKED:
                # Once in some thousand large dumps, the magic number occurs by chance inside a block.
                joined = join(packed, pending[0][0])
                if (block := decompress_block(joined)) is not None:
                    packed = joined
                    pending.popleft()
                    refill()
            if block is not None:
                yield Block(block, packed.offset, packed.end - packed.offset)
            elif not (is_first and _ends_earlier_block(file, packed)):
                yield from _rescue(packed)
            is_first = False
        if not found and start == 0 and end >= (size := file.seek(0, os.SEEK_END)) and not _is_empty(file):
            yield Damage(0, size, "there is no bz2 block")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _rescue(packed: PackedBlock) -> Iterator[Block | Damage]:
    if packed.end - packed.offset > _MAX_PACKED:
        reason = "no bz2 block ends"
    elif packed.is_last:
        reason = "the data ends early"
    else:
        reason = "the data contradicts its checksum"
    block, size = rescue_block(packed)
    if block:
        yield Block(block, packed.offset, size)
    yield Damage(packed.offset + size, max(packed.end - packed.offset - size, 0), reason)


def _ends_earlier_block(file: BinaryIO, packed: PackedBlock) -> bool:
    """Whether a range's first block is the rest of a block from before that holds the magic by chance."""
    if packed.offset == 0:
        return False
    position = file.tell()
    base = max(packed.offset - _MAX_PACKED, 0)
    file.seek(base)
    before = file.read(packed.offset - base + (1 if packed.first_bit else 0))
    file.seek(position)
    marks, _ = _find_magics(before, 0)
    if not marks:
        return False
    skipped = marks[-1] // 8
    end_bit = 8 * (packed.offset - base - skipped) + packed.first_bit
    earlier = PackedBlock(before[skipped:], marks[-1] % 8, end_bit, base + skipped, packed.offset, False)
    return decompress_block(join(earlier, packed)) is not None


def _is_empty(file: BinaryIO) -> bool:
    """Whether a file consists of empty streams."""
    file.seek(0)
    buffer = b""
    while more := file.read(_READ_SIZE):
        buffer += more
        while EMPTY_STREAM.match(buffer):
            buffer = buffer[14:]
        if len(buffer) > 14:
            break
    return not buffer


def _split(file: BinaryIO, start: int, end: int) -> Iterator[PackedBlock]:
    """Cut a file at its block magics, from the first that begins in the range on, to the end of the file."""
    file.seek(start)
    buffer = file.read(_READ_SIZE)
    base = start  # where the buffer begins in the file
    block: int | None = None  # bit in the buffer where the current block begins
    scanned = 0  # bytes of the buffer already searched
    endless: tuple[bytes, int, int] | None = None  # data, first bit and offset of a block that doesn't end
    while True:
        more = file.read(_READ_SIZE)
        # A magic may end within the byte that follows it: at the end of the file, give it one to end in.
        marks, scanned = _find_magics(buffer if more else buffer + b"\0", scanned)
        for mark in marks:
            if endless:
                data, bit, offset = endless
                yield PackedBlock(data, bit, 8 * len(data), offset, base + mark // 8, False)
                endless = None
            elif block is not None:
                data = buffer[block // 8 : (mark + 7) // 8]
                end_bit = mark - block // 8 * 8
                yield PackedBlock(data, block % 8, end_bit, base + block // 8, base + mark // 8, False)
            elif base + mark // 8 >= end:
                return
            block = mark
        if block is None and not endless and base + scanned >= end:
            return
        if not more:
            break
        keep = scanned if block is None else block // 8
        if block is not None and len(buffer) - keep > _MAX_PACKED:
            endless = buffer[keep : keep + _MAX_PACKED], block % 8, base + keep
            keep, block = scanned, None
        buffer = buffer[keep:] + more
        base += keep
        scanned -= keep
        block = None if block is None else block % 8
    size = base + len(buffer)
    if endless:
        data, bit, offset = endless
        yield PackedBlock(data, bit, 8 * len(data), offset, size, True)
    elif block is not None:
        data = buffer[block // 8 :]
        yield PackedBlock(data, block % 8, 8 * len(data), base + block // 8, size, True)


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
