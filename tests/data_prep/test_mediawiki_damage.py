"""What is lost of a damaged dump, and what is kept."""

import bz2
import gzip
import random
from pathlib import Path

import pytest

from data_prep.mediawiki.damage import Damage
from data_prep.mediawiki.dump import DumpError, Page, iter_pages
from tests.data_prep.dump_files import FOOTER, HEADER, dump, multistream, page_xml, write

PARTS = "enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"


def read_on(path: Path, workers: int = 1, **options) -> tuple[list[Page], list[Damage]]:
    damages: list[Damage] = []
    return list(iter_pages(path, workers, on_damage=damages.append, **options)), damages


def read_until(path: Path) -> tuple[list[Page], DumpError]:
    pages = []
    with pytest.raises(DumpError) as caught:
        pages.extend(iter_pages(path))
    return pages, caught.value


def hard_texts(count: int, length: int, seed: int = 0) -> list[str]:
    """Texts that compress to about 2 bytes a character."""
    rng = random.Random(seed)
    return [f"{i} " + "".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(length)) for i in range(count)]


def assert_lost_only_one_run(pages: list[Page], whole: list[Page]) -> tuple[int, int]:
    """Where in ``whole`` the run of lost pages begins and ends."""
    first = next(
        i for i, (page, other) in enumerate(zip([*pages, None], whole, strict=False)) if page != other
    )
    after = len(pages) - first
    assert pages[first:] == whole[len(whole) - after :]
    return first, len(whole) - after


@pytest.mark.parametrize("workers", [1, 3])
def test_flipped_bytes_of_a_real_dump_lose_one_block(shared_data, tmp_path, workers):
    original = shared_data("wikidump") / PARTS
    whole = list(iter_pages(original))
    data = bytearray(original.read_bytes())
    place = len(data) // 2
    for i in range(place, place + 40):
        data[i] ^= 0x5A
    path = write(tmp_path / "a.xml.bz2", bytes(data))
    pages, damages = read_on(path, workers)
    first, last = assert_lost_only_one_run(pages, whole)
    assert 0 < first < last < len(whole)
    assert last - first < len(whole) / 3
    (damage,) = damages
    assert damage.offset <= place < damage.offset + damage.bytes
    assert damage.bytes < 900_000
    assert "checksum" in damage.reason
    before, error = read_until(path)
    assert before == whole[:first]
    assert error.offset == damage.offset


def test_ranges_of_a_damaged_dump_keep_the_same_pages(shared_data, tmp_path):
    data = bytearray((shared_data("wikidump") / PARTS).read_bytes())
    place = len(data) // 2
    data[place] ^= 1
    path = write(tmp_path / "a.xml.bz2", bytes(data))
    pages, (damage,) = read_on(path)
    for border in (place, damage.offset, damage.offset + 1, damage.offset + damage.bytes, 900_000):
        first, lost = read_on(path, end=border)
        second, lost_too = read_on(path, start=border)
        assert first + second == pages, border
        assert damage in lost + lost_too


@pytest.mark.parametrize("share", [0.3, 0.62, 0.97])
@pytest.mark.parametrize("suffix", [".xml", ".xml.gz", ".xml.bz2"])
def test_a_cut_file_ends_with_one_damage(tmp_path, suffix, share):
    texts = hard_texts(200, 900)
    compress = {".xml": bytes, ".xml.gz": gzip.compress, ".xml.bz2": lambda data: bz2.compress(data, 1)}
    data = compress[suffix](dump(*texts))
    path = write(tmp_path / f"cut{suffix}", data[: int(share * len(data))])
    pages, damages = read_on(path)
    assert 20 < len(pages) < 200
    assert [page.text for page in pages] == texts[: len(pages)]
    (damage,) = damages
    assert damage.offset <= damage.offset + damage.bytes == path.stat().st_size
    assert read_until(path)[0] == pages


def test_a_zeroed_megabyte_of_a_multistream_dump_loses_its_streams(tmp_path):
    texts = hard_texts(700, 3000)
    data, starts = multistream([page_xml(i, text) for i, text in enumerate(texts)], 10)
    assert len(data) > 3_000_000
    path = write(tmp_path / "good.xml.bz2", data)
    whole = list(iter_pages(path, 2))
    assert [page.text for page in whole] == texts
    for place in (1_000_000, starts[20], starts[20] - 1, starts[20] + 10):
        damaged = data[:place] + bytes(1 << 20) + data[place + (1 << 20) :]
        pages, damages = read_on(write(tmp_path / "a.xml.bz2", damaged), 2)
        first, last = assert_lost_only_one_run(pages, whole)
        # Every stream is kept that lies wholly before the zeros, or behind them.
        assert first >= 10 * (sum(start <= place for start in starts) - 1)
        assert last <= 10 * next(i for i, start in enumerate(starts) if start >= place + (1 << 20))
        (damage,) = damages
        assert damage.offset <= place + 4
        assert damage.offset + damage.bytes >= place + (1 << 20)
        assert damage.bytes < (1 << 20) + 200_000


def test_zeros_longer_than_any_block_are_one_damage(tmp_path):
    texts = hard_texts(60, 3000)
    data, starts = multistream([page_xml(i, text) for i, text in enumerate(texts)], 10)
    place = starts[3] + 1000
    path = write(tmp_path / "a.xml.bz2", data[:place] + bytes(9_000_000) + data[place:])
    pages, damages = read_on(path)
    assert [page.text for page in pages] == texts[:30] + texts[40:]
    (damage,) = damages
    assert starts[3] <= damage.offset <= place
    assert 9_000_000 <= damage.bytes < 9_200_000


def test_no_page_is_glued_together_from_two_halves(tmp_path):
    texts = [f"begin {i} " + "x" * 50_000 + f" end {i}" for i in range(100)]
    texts = [text.replace("x", "xyzzy "[i % 5]) + hard_texts(1, 3000, i)[0] for i, text in enumerate(texts)]
    data = bytearray(bz2.compress(dump(*texts), 1))
    rng = random.Random(3)
    for _ in range(10):
        damaged = data.copy()
        damaged[rng.randrange(1000, len(data) - 1000)] ^= 0x80
        pages, damages = read_on(write(tmp_path / "a.xml.bz2", bytes(damaged)))
        assert len(damages) == 1
        assert len(pages) < 100
        assert all(page.text == texts[page.id - 1] for page in pages)


def test_a_damaged_magic_loses_no_more_than_its_own_block(tmp_path):
    texts = hard_texts(400, 900)
    data = bytearray(bz2.compress(dump(*texts), 1))
    magic = f"{0x314159265359:048b}"
    second = bin(int.from_bytes(data, "big"))[2:].zfill(8 * len(data)).index(magic, 100) // 8
    path = write(tmp_path / "good.xml.bz2", bytes(data))
    of_first = len(list(iter_pages(path, end=second)))
    of_second = len(list(iter_pages(path, start=second, end=second + 1)))
    data[second + 3] ^= 0xFF
    pages, damages = read_on(write(tmp_path / "a.xml.bz2", bytes(data)))
    found = {page.id for page in pages}
    assert set(range(1, of_first)) <= found
    assert set(range(of_first + of_second + 1, 401)) <= found
    (damage,) = damages
    assert abs(damage.offset - second) < 2


def test_a_page_that_cannot_be_parsed_is_one_damage(tmp_path):
    good, bad = page_xml(1, "good"), page_xml(2, "bad " * 100)
    broken = {
        "no id": bad.replace("<id>2</id>", "<id>two</id>"),
        "no end": bad.replace("</page>", ""),
        "text not closed": bad.replace("</text>", ""),
        "title not closed": bad.replace("</title>", ""),
    }
    for name, page in broken.items():
        xml = (HEADER + good + page + page_xml(3, "also good") + FOOTER).encode()
        for path in (write(tmp_path / "a.xml", xml), write(tmp_path / "a.xml.bz2", bz2.compress(xml))):
            pages, damages = read_on(path)
            assert [page.id for page in pages] == [1, 3], name
            (damage,) = damages
            size = path.stat().st_size
            assert 0 < damage.offset < damage.offset + damage.bytes < size
            before, error = read_until(path)
            assert [page.id for page in before] == [1]
            assert error.pages == 1
        start = xml.index(page.encode().strip())
    assert start == len((HEADER + good).encode()) + 2
    damage = read_on(write(tmp_path / "a.xml", xml))[1][0]
    assert (damage.offset, damage.bytes) == (start, len(page.strip()))
    assert "<title>" in damage.reason


def test_a_damaged_header_does_not_lose_the_pages(tmp_path):
    texts = hard_texts(20, 3000)
    data, starts = multistream([page_xml(i, text) for i, text in enumerate(texts)], 10)
    damaged = data[:40] + bytes(20) + data[60:]
    pages, damages = read_on(write(tmp_path / "a.xml.bz2", damaged))
    assert [page.text for page in pages] == texts
    assert [(damage.offset, damage.bytes) for damage in damages] == [(4, starts[0])]


def test_a_missing_end_is_a_damage_of_no_bytes(tmp_path):
    xml = dump("a", "b").removesuffix(FOOTER.encode())
    pages, damages = read_on(write(tmp_path / "a.xml", xml))
    assert len(pages) == 2
    assert [(damage.offset, damage.bytes) for damage in damages] == [(len(xml), 0)]
