"""Pages that are too long to be read are passed over, and never held."""

import bz2
import tracemalloc
from pathlib import Path

import pytest

from data_prep.mediawiki.dump import iter_pages
from tests.data_prep.dump_files import FOOTER, HEADER, dump, page_xml, write

MB = 1 << 20


def write_huge(path: Path, times: int) -> Path:
    """A dump whose second page has ``times`` MB of text."""
    before, after = page_xml(2, "word\n", "Huge").split("word\n")
    # Short lines, because bz2 packs long runs of one byte so well that a single block holds tens of MB.
    text = "".join(f"line {i} &amp; more\n" for i in range(50_000)).encode()[:MB]
    compress = bz2.compress if path.suffix == ".bz2" else bytes
    start = compress((HEADER + page_xml(1, "small") + before).encode())
    end = compress((after + page_xml(3, "small too") + FOOTER).encode())
    return write(path, start + compress(text) * times + end)


@pytest.mark.parametrize("suffix", [".xml", ".xml.bz2"])
def test_a_page_of_200_mb_is_never_held(tmp_path, suffix):
    path = write_huge(tmp_path / f"a{suffix}", 200)
    tracemalloc.start()
    pages = list(iter_pages(path, max_page=4 * MB))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(page.id, page.title, page.text, page.oversized) for page in pages] == [
        (1, "Page 1", "small", False),
        (2, "Huge", "", True),
        (3, "Page 3", "small too", False),
    ]
    assert pages[1].timestamp == "2024-05-01T00:00:00Z"
    assert peak < 20 * MB


def test_ranges_give_an_oversized_page_once(tmp_path):
    path = write_huge(tmp_path / "a.xml.bz2", 12)
    size = path.stat().st_size
    assert size > 20_000
    for border in (5, size // 3, size // 2, size - 100):
        found = [
            (page.id, page.oversized)
            for start, end in ((0, border), (border, size))
            for page in iter_pages(path, start=start, end=end, max_page=MB)
        ]
        assert found == [(1, False), (2, True), (3, False)], border


def test_a_page_of_just_the_size_is_read(tmp_path):
    xml = dump("a", "b" * 3_000_000, "c")
    length = len(page_xml(2, "b" * 3_000_000).strip())
    for path in (write(tmp_path / "a.xml", xml), write(tmp_path / "a.xml.bz2", bz2.compress(xml))):
        assert [page.oversized for page in iter_pages(path, max_page=length)] == [False] * 3
        assert [page.oversized for page in iter_pages(path, max_page=length - 1)] == [False, True, False]
        lengths = [len(page.text) for page in iter_pages(path, max_page=length - 1)]
        assert lengths == [1, 0, 1]


def test_an_oversized_page_that_never_ends_is_one_damage(tmp_path):
    xml = dump("a", "b" * 3_000_000, "c")
    second = xml.index(b"</page>", xml.index(b"bbb"))
    path = write(tmp_path / "a.xml", xml[:second] + xml[second + len(b"</page>") :])
    damages = []
    pages = list(iter_pages(path, max_page=MB, on_damage=damages.append))
    assert [page.id for page in pages] == [1, 3]
    (damage,) = damages
    assert damage.offset == xml.index(b"<page>", xml.index(b"</page>"))
    assert 3_000_000 < damage.bytes < 3_001_000
