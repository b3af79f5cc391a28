"""One block of a bz2 file, decompressed on its own."""

import bz2
import re
from dataclasses import dataclass

STREAM_HEADER = re.compile(rb"BZh[1-9]")
EMPTY_STREAM = re.compile(rb"BZh[1-9]\x17\x72\x45\x38\x50\x90\x00{4}")

_END_MAGIC = 0x177245385090  # the digits of √π
_TRAILER_BITS = 48 + 32  # the end magic and the stream's checksum, before the padding to a whole byte


@dataclass(frozen=True)
class PackedBlock:
    """The bits from one block magic to the next, or to the end of the file."""

    data: bytes
    first_bit: int
    """0 to 7: where in ``data[0]`` the block begins."""
    end_bit: int
    """Where the next block begins, counted from the first bit of ``data``."""
    offset: int
    """Where ``data`` begins in the file, in bytes."""
    end: int
    """The byte of the file in which the next block begins, or the file's size."""
    is_last: bool


def join(first: PackedBlock, second: PackedBlock) -> PackedBlock:
    """Two that follow each other as one."""
    overlap = 1 if second.first_bit else 0
    return PackedBlock(
        first.data + second.data[overlap:],
        first.first_bit,
        8 * (second.offset - first.offset) + second.end_bit,
        first.offset,
        second.end,
        second.is_last,
    )


def decompress_block(packed: PackedBlock) -> bytes | None:
    """The block's data, or None where it is incomplete or damaged."""
    end_bit = _stream_end(packed)
    if end_bit is None:
        if packed.is_last:
            return None
        end_bit = packed.end_bit
    length = end_bit - packed.first_bit
    if length < _TRAILER_BITS:
        return None
    bits = int.from_bytes(packed.data, "big") >> (8 * len(packed.data) - end_bit)
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
    # What is left over is no part of the block: the stream ends within these bits, and damaged data follows.
    return block if decompressor.eof and not decompressor.unused_data else None


def rescue_block(packed: PackedBlock) -> tuple[bytes, int]:
    """The block with which damaged bits begin, and how many bytes of them it takes.

    A block is whole though its bits are not where the next block's magic is damaged, or the stream's trailer.
    Its checksum is right. Empty, and 0, where it is damaged itself.
    """
    bits = int.from_bytes(packed.data, "big") << packed.first_bit
    data = bits.to_bytes(len(packed.data) + 1, "big")[1:]
    read = 0
    # A call that meets the damage loses its output. One byte at a time, the block comes out before; large steps
    # come first and find where.
    for step in (4096, 1):
        decompressor = bz2.BZ2Decompressor()
        try:
            decompressor.decompress(b"BZh9" + data[:read])
            for position in range(read, len(data), step):
                if block := decompressor.decompress(data[position : position + step]):
                    # The rest of its content comes without more input, and then its checksum is compared.
                    while not decompressor.eof and (more := decompressor.decompress(b"")):
                        block += more
                    return block, min(position + step, len(data)) - len(decompressor.unused_data)
                read = position + step
        except OSError:
            continue
    return b"", 0


def _stream_end(packed: PackedBlock) -> int | None:
    """The bit at which the stream's trailer begins, where the block is the last of its stream."""
    end = len(packed.data)
    if not packed.is_last:
        end = packed.end_bit // 8 - 4
        if packed.end_bit % 8 or not STREAM_HEADER.match(packed.data, end):
            return None
    while EMPTY_STREAM.match(packed.data, end - 14):
        end -= 14
    tail = int.from_bytes(packed.data[max(end - 16, 0) : end], "big")
    for padding in range(8):
        if tail >> (padding + 32) & 0xFFFFFFFFFFFF == _END_MAGIC:
            return 8 * end - padding - _TRAILER_BITS
    return None
