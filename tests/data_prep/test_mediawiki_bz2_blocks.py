"""bz2 files of every make, whole and damaged, against the standard library."""

import bz2
import io
import random
from collections.abc import Iterable

import pytest

from data_prep.mediawiki.bz2_blocks import Block, decompress
from data_prep.mediawiki.damage import Damage


def words(size: int, seed: int = 0) -> bytes:
    rng = random.Random(seed)
    vocabulary = [bytes(rng.choices(range(97, 123), k=rng.randint(2, 9))) for _ in range(2000)]
    return b" ".join(rng.choices(vocabulary, k=size // 6))[:size]


TEXT = words(700_000)
FILES = {
    "one block": bz2.compress(b"a"),
    "several blocks": bz2.compress(TEXT, 1),
    "one stream after another": bz2.compress(TEXT[:300_000]) + bz2.compress(TEXT[300_000:]),
    "small streams": b"".join(bz2.compress(TEXT[i : i + 5000]) for i in range(0, 100_000, 5000)),
    "empty streams": bz2.compress(b"") * 2
    + bz2.compress(TEXT, 1)
    + bz2.compress(b"")
    + bz2.compress(TEXT) * 2,
    "nothing": bz2.compress(b""),
    "incompressible": bz2.compress(random.Random(1).randbytes(1_300_000)),
    "one byte, very often": bz2.compress(b"\0" * 3_000_000),
}


def content(parts: Iterable[Block | Damage]) -> bytes:
    """Of blocks that must be whole."""
    return b"".join(part.data for part in parts)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_gives_what_the_standard_library_gives(name, workers):
    data = content(decompress(io.BytesIO(FILES[name]), workers))
    assert data == bz2.decompress(FILES[name])


def test_a_block_magic_inside_a_block_does_no_harm():
    # Near its start, a block has a bitmap of the byte values that occur in it: choose these so that the
    # bitmap spells the magic number.
    rows = [0x3141, 0x5926, 0x5359]
    values = [16 * i + j for i, row in enumerate(rows) for j in range(16) if row >> (15 - j) & 1]
    rng = random.Random(0)
    # Never one value twice in a row: runs would bring in the values that stand for their lengths.
    half = len(values) // 2
    data = b"".join(bytes([rng.choice(values[:half]), rng.choice(values[half:])]) for _ in range(175_000))
    compressed = bz2.compress(data, 1)
    bits = bin(int.from_bytes(compressed, "big"))
    magic = f"{0x314159265359:048b}"
    blocks = 4
    assert bits.count(magic) == 2 * blocks
    assert content(decompress(io.BytesIO(compressed), 2)) == data


@pytest.mark.parametrize("keep", [3, 20, 1000, 60_000, 0.5, 0.9, -1, -3, -8])
def test_a_cut_file_gives_its_whole_blocks_then_says_where(keep):
    file = FILES["several blocks"]
    size = int(keep * len(file)) if isinstance(keep, float) else keep if keep > 0 else len(file) + keep
    complete = list(decompress(io.BytesIO(file)))
    *read, damage = decompress(io.BytesIO(file[:size]), 2)
    assert isinstance(damage, Damage)
    assert damage.offset + damage.bytes == size
    assert [block.data for block in read] == [block.data for block in complete[: len(read)]]
    # A block is whole once the next one's magic is there.
    assert len(read) >= sum(block.offset + 7 <= size for block in complete[1:])


@pytest.mark.parametrize("where", [0.1, 0.4, 0.7, 0.95])
def test_a_changed_byte_loses_one_block(where):
    file = bytearray(FILES["several blocks"])
    complete = list(decompress(io.BytesIO(bytes(file))))
    position = int(where * len(file))
    file[position] ^= 0x10
    read = list(decompress(io.BytesIO(bytes(file)), 2))
    (damage,) = (part for part in read if isinstance(part, Damage))
    assert damage.offset <= position < damage.offset + damage.bytes
    lost = complete.pop(read.index(damage))
    assert [part for part in read if part != damage] == complete
    assert (damage.offset, damage.bytes) == (lost.offset, lost.size)


@pytest.mark.parametrize("data", [b"<html>", b"BZ", b"BZh9" + bytes(5_000_000), b"BZh9" + TEXT])
def test_what_is_not_bz2_is_one_damage(data):
    (damage,) = decompress(io.BytesIO(data))
    assert (damage.offset, damage.bytes) == (0, len(data))


@pytest.mark.parametrize("name", FILES)
def test_ranges_give_each_block_once(name):
    file = FILES[name]
    blocks = list(decompress(io.BytesIO(file)))
    borders = {offset + shift for _, offset, _ in blocks for shift in (-1, 0, 1)} | {1, len(file) - 1}
    for border in sorted(borders):
        first = [part for part in decompress(io.BytesIO(file), 1, 0, border) if part.offset < border]
        assert first + list(decompress(io.BytesIO(file), 2, border)) == blocks, border
