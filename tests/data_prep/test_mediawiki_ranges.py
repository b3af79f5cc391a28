"""Ranges of a dump, however it is cut, give each of its pages once."""

import bz2
import gzip
import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from data_prep.mediawiki.dump import DumpError, Page, is_splittable, iter_pages
from tests.data_prep.dump_files import dump, multistream, page_xml, write

DUMPS = {
    "enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2": 3,
    "enwiktionary-test-pages-articles.xml.bz2": 2,
    "en.mini.xml.bz2": 6,
}


def read_in_ranges(path: Path, cuts: Iterable[int], workers: int = 1, **options) -> list[Page]:
    borders = [0, *sorted(cuts), path.stat().st_size]
    return [
        page
        for start, end in pairwise(borders)
        for page in iter_pages(path, workers, start=start, end=end, **options)
    ]


def texts_of_pages(count: int, seed: int = 0) -> list[str]:
    """Long and short, hard to compress, so that blocks are many."""
    rng = random.Random(seed)
    return [
        "".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(rng.choice([3, 200, 3000])))
        for _ in range(count)
    ]


def some_cuts(size: int, seed: int, most: int = 6) -> list[int]:
    rng = random.Random(seed)
    return [rng.randint(0, size) for _ in range(rng.randint(1, most))]


@pytest.mark.parametrize("name", DUMPS)
def test_ranges_of_a_real_dump_give_each_page_once(shared_data, name):
    path = shared_data("wikidump") / name
    whole = list(iter_pages(path))
    for seed in range(DUMPS[name]):
        assert read_in_ranges(path, some_cuts(path.stat().st_size, seed), 1 + seed % 2) == whole, seed


def test_ranges_of_a_real_plain_dump_give_each_page_once(shared_data, tmp_path):
    compressed = shared_data("wikidump") / next(iter(DUMPS))
    path = write(tmp_path / "a.xml", bz2.decompress(compressed.read_bytes()))
    whole = list(iter_pages(compressed))
    tag = path.read_bytes().index(b"<page>", 3_000_000)
    cuts = [[tag + i, tag + i + 1] for i in range(-1, 8)]
    for cut in [some_cuts(path.stat().st_size, 0), some_cuts(path.stat().st_size, 1, 40), *cuts]:
        assert read_in_ranges(path, cut) == whole, cut


@pytest.mark.parametrize("kind", ["multistream", "small blocks", "plain"])
def test_any_cuts_give_each_page_once(tmp_path, kind):
    texts = texts_of_pages(150)
    if kind == "multistream":
        data, starts = multistream([page_xml(i, text) for i, text in enumerate(texts, 1)], 7)
        data += bz2.compress(b"") * 2
    else:
        xml = dump(*texts)
        data, starts = (xml, [xml.index(b"<page>") + 2]) if kind == "plain" else (bz2.compress(xml, 1), [4])
    path = write(tmp_path / ("a.xml" if kind == "plain" else "a.xml.bz2"), data)
    whole = list(iter_pages(path))
    assert [page.text for page in whole] == texts
    exact = [[start + shift for start in starts] for shift in (-1, 0, 1, 4, 5)]
    tail = [len(data) - back for back in (1, 5, 14, 15, 28, 29, 40)]
    for cuts in [*exact, tail, *(some_cuts(len(data), seed, 30) for seed in range(15))]:
        assert read_in_ranges(path, cuts) == whole, cuts


def test_a_tag_that_straddles_two_blocks_belongs_to_the_first(tmp_path):
    xml = dump(*texts_of_pages(30))
    tag = xml.index(b"<page>", len(xml) // 2)
    for inside in range(-1, 8):
        first, second = bz2.compress(xml[: tag + inside]), bz2.compress(xml[tag + inside :])
        path = write(tmp_path / "a.xml.bz2", first + second)
        whole = list(iter_pages(path))
        assert len(whole) == 30
        assert read_in_ranges(path, [len(first)]) == whole
        later = list(iter_pages(path, start=len(first)))
        before = xml[: tag + (6 if inside > 0 else 0)].count(b"<page>")
        assert later == whole[before:]


def test_a_range_between_two_blocks_or_pages_is_empty(tmp_path):
    path = write(tmp_path / "a.xml.bz2", bz2.compress(dump(*texts_of_pages(20))))
    assert list(iter_pages(path, start=5)) == []
    assert list(iter_pages(path, start=0, end=4)) == []
    assert len(list(iter_pages(path, start=4, end=5))) == 20
    plain = write(tmp_path / "a.xml", dump("a" * 100, "b"))
    at = plain.read_bytes().index(b"aaa")
    assert list(iter_pages(plain, start=at, end=at + 50)) == []


def test_a_block_magic_inside_a_block_does_no_harm_at_a_border(tmp_path):
    # A block has, near its start, a bitmap of the byte values that occur in it: one stream of letters that
    # spell the magic there, with a page before and after. See the tests of the blocks.
    rows = [0x3141, 0x5926, 0x5359]
    values = [16 * i + j for i, row in enumerate(rows) for j in range(16) if row >> (15 - j) & 1]
    assert max(values) < 128
    filler = "".join(random.Random(0).choices([chr(v) for v in values if chr(v) not in "<>"], k=150_000))
    page = page_xml(2, "x").encode()
    head, tail = page.split(b"x</text>")
    parts = [dump("first").removesuffix(b"</mediawiki>\n") + head, filler.encode(), b"</text>" + tail, page]
    data = b"".join(bz2.compress(part, 1) for part in parts) + bz2.compress(b"</mediawiki>")
    path = write(tmp_path / "a.xml.bz2", data)
    whole = list(iter_pages(path))
    assert [page.id for page in whole] == [1, 2, 2]
    bits = bin(int.from_bytes(data, "big"))[2:].zfill(8 * len(data))
    magic, at, found = f"{0x314159265359:048b}", -1, []
    while (at := bits.find(magic, at + 1)) >= 0:
        found.append(at // 8)
    assert len(found) > len(parts) + 1
    for border in {place + shift for place in found for shift in (-1, 0, 1)}:
        damages = []
        assert read_in_ranges(path, [border]) == whole
        assert read_in_ranges(path, [border], on_damage=damages.append) == whole
        assert damages == []


def test_only_the_range_with_the_end_misses_the_end(tmp_path):
    xml = dump(*texts_of_pages(60))
    for data, suffix in ((xml, ".xml"), (bz2.compress(xml, 1), ".xml.bz2")):
        complete = write(tmp_path / f"a{suffix}", data)
        half = len(data) // 2
        assert list(iter_pages(complete, end=half))
        xml_cut = xml.removesuffix(b"</mediawiki>\n")
        path = write(tmp_path / f"b{suffix}", xml_cut if suffix == ".xml" else bz2.compress(xml_cut, 1))
        assert len(list(iter_pages(path, end=half))) > 3
        with pytest.raises(DumpError, match="closing"):
            list(iter_pages(path, start=half))


def test_gzip_is_read_whole(tmp_path):
    path = write(tmp_path / "a.xml.gz", gzip.compress(dump("a", "b")))
    assert not is_splittable(path)
    assert is_splittable(Path("a.xml"))
    assert is_splittable(Path("a.xml.bz2"))
    assert len(list(iter_pages(path, start=0, end=path.stat().st_size))) == 2
    with pytest.raises(ValueError, match="byte 5"):
        list(iter_pages(path, start=5))
