"""Dumps as wikis write them, and as broken downloads leave them."""

import bz2
import gzip
import pickle
import re
import tracemalloc
from pathlib import Path

import pytest

from data_prep.mediawiki.dump import DumpError, Page, iter_pages, read_site
from data_prep.mediawiki.site import CANONICAL_NAMESPACES
from pipeline.errors import UserError
from tests.data_prep.dump_files import FOOTER, HEADER, dump, page_xml, write

PARTS = "enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"


def read(path: Path, workers: int = 1) -> tuple[list[Page], DumpError | None]:
    """All pages that come before the error, and the error."""
    pages = []
    try:
        pages.extend(iter_pages(path, workers))
    except DumpError as error:
        return pages, error
    return pages, None


def test_site_comes_from_siteinfo(tmp_path):
    site = read_site(write(tmp_path / "a.xml", dump("x")))
    assert (site.name, site.dbname, site.language, site.case) == ("Wikipedia", "jawiki", "ja", "first-letter")
    assert site.namespaces[6] == "ファイル"
    assert site.namespaces[102] == "A & B"
    assert site.namespaces[14] == "Category"


def test_site_without_siteinfo_is_english(tmp_path):
    site = read_site(write(tmp_path / "a.xml", b"<mediawiki>" + page_xml(1, "x").encode() + b"</mediawiki>"))
    assert site.language == "en"
    assert site.namespaces == CANONICAL_NAMESPACES


@pytest.mark.parametrize(
    ("dbname", "language"),
    [("enwiki", "en"), ("dewiktionary", "de"), ("zh_yuewiki", "zh-yue"), ("simplewiki", "en")],
)
def test_language_is_the_database_s(tmp_path, dbname, language):
    xml = dump("x").replace(b"jawiki", dbname.encode())
    assert read_site(write(tmp_path / "a.xml", xml)).language == language


def test_site_and_pages_can_be_sent_to_other_processes(tmp_path):
    path = write(tmp_path / "a.xml", dump("x"))
    page = next(iter_pages(path))
    assert pickle.loads(pickle.dumps((read_site(path), page))) == (read_site(path), page)  # noqa: S301 (ours)
    error = pickle.loads(pickle.dumps(DumpError("cut", pages=3, offset=7)))  # noqa: S301 (ours)
    assert (str(error), error.pages, error.offset) == ("cut", 3, 7)


def test_fields_of_a_page(tmp_path):
    xml = """<mediawiki><page>
      <title>AT&amp;T &quot;x&quot;</title><ns>4</ns><id>7</id>
      <redirect title="Bell &amp; Co" />
      <restrictions>edit=sysop</restrictions>
      <revision><id>1</id><timestamp>2001-01-01T00:00:00Z</timestamp><text>old</text></revision>
      <revision><id>2</id><timestamp>2002-01-01T00:00:00Z</timestamp>
        <comment>&lt;text&gt;</comment><textile>no</textile>
        <text xml:space="preserve" bytes="9">&lt;b&gt; &amp;lt; &amp;nbsp; &#233;&#x4e2d;&#1114112;</text>
        <content><role>mediainfo</role><text>{"other": "slot"}</text></content>
      </revision></page></mediawiki>"""
    (page,) = iter_pages(write(tmp_path / "a.xml", xml.encode()))
    assert page == Page(
        id=7,
        title='AT&T "x"',
        namespace=4,
        redirect="Bell & Co",
        text="<b> &lt; &nbsp; é中\ufffd",
        timestamp="2002-01-01T00:00:00Z",
    )


@pytest.mark.parametrize("text", ['<text bytes="0" />', "<text/>", '<text deleted="deleted" />', ""])
def test_a_page_may_have_no_text(tmp_path, text):
    xml = (
        f"<mediawiki><page><title>A</title><ns>0</ns><id>1</id><revision>{text}</revision></page></mediawiki>"
    )
    (page,) = iter_pages(write(tmp_path / "a.xml", xml.encode()))
    assert (page.text, page.redirect) == ("", None)


def test_invalid_utf8_is_replaced_and_marked(tmp_path):
    xml = dump("good", "caf\u00e9", "good").replace("caf\u00e9".encode(), b"caf\xe9 \xff!")
    pages = list(iter_pages(write(tmp_path / "a.xml", xml)))
    assert [page.invalid_utf8 for page in pages] == [False, True, False]
    assert pages[1].text == "caf\ufffd \ufffd!"


def test_every_compression_gives_the_same_pages(tmp_path):
    texts = [f"text {i} é [[x]] " * (i % 40) for i in range(300)]
    xml = dump(*texts)
    middle = xml.index(b"<page>", len(xml) // 2)
    files = {
        "plain.xml": xml,
        "one.xml.gz": gzip.compress(xml),
        "one.xml.bz2": bz2.compress(xml),
        "small-blocks.xml.bz2": bz2.compress(xml, 1),
        "multistream.xml.bz2": bz2.compress(xml[:middle]) + bz2.compress(xml[middle:]),
    }
    for name, data in files.items():
        path = write(tmp_path / name, data)
        for workers in (1, 3):
            assert [page.text for page in iter_pages(path, workers)] == texts, (name, workers)


def test_streams_taken_out_of_a_multistream_dump_can_be_read(tmp_path):
    path = write(
        tmp_path / "part.xml.bz2", bz2.compress(page_xml(1, "a").encode() + page_xml(2, "b").encode())
    )
    assert [page.text for page in iter_pages(path)] == ["a", "b"]


@pytest.mark.parametrize("suffix", [".xml", ".xml.gz", ".xml.bz2"])
def test_a_dump_cut_anywhere_gives_its_complete_pages(tmp_path, suffix):
    texts = ["".join(chr(0x4E00 + (i * j * 7919) % 20000) for j in range(900)) for i in range(200)]
    compress = {".xml": bytes, ".xml.gz": gzip.compress, ".xml.bz2": lambda data: bz2.compress(data, 1)}
    data = compress[suffix](dump(*texts))
    for share in (0.03, 0.31, 0.62, 0.97, 1.0):
        size = min(int(share * len(data)), len(data) - 15)
        path = write(tmp_path / f"cut{suffix}", data[:size])
        pages, error = read(path)
        assert [page.text for page in pages] == texts[: len(pages)]
        assert isinstance(error, UserError)
        assert error.pages == len(pages)
        assert 0 <= error.offset <= size
        assert str(path) in str(error)
        assert f"{error.offset:,}" in str(error)
        assert "Download the file again" in str(error)
    assert len(pages) > 100


def test_a_dump_without_its_end_is_cut(tmp_path):
    xml = dump("a", "b")
    pages, error = read(write(tmp_path / "a.xml", xml.removesuffix(FOOTER.encode())))
    assert len(pages) == 2
    assert "</mediawiki>" in str(error) or "closing" in str(error)


def test_a_damaged_dump_gives_the_pages_before(tmp_path):
    data = bytearray(bz2.compress(dump(*[f"{i} " * 3000 for i in range(300)]), 1))
    data[len(data) // 2] ^= 4
    pages, error = read(write(tmp_path / "a.xml.bz2", bytes(data)), workers=2)
    assert 0 < len(pages) < 300
    assert "checksum" in str(error)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.xml", b"", "is empty"),
        ("a.xml.bz2", b"", "is empty"),
        ("a.xml.bz2", bz2.compress(b""), "is empty"),
        ("a.xml.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.xml", b"<!DOCTYPE html><html>Not found", "no MediaWiki XML dump"),
        ("a.xml.bz2", b"<!DOCTYPE html><html>Not found", "no bz2 header"),
        ("a.xml.bz2", bz2.compress(b'{"json": 1}'), "no MediaWiki XML dump"),
        ("a.xml.gz", b"BZh91AY", "gzip"),
        ("a.xml", b"<mediawiki><page><id>many</id></page></mediawiki>", "can't be read"),
    ],
)
def test_what_is_no_dump_is_refused(tmp_path, name, data, says):
    path = write(tmp_path / name, data)
    with pytest.raises(UserError, match=re.escape(str(path))) as caught:
        list(iter_pages(path))
    assert says in str(caught.value)
    if b"<page>" not in data:
        with pytest.raises(UserError):
            read_site(path)


def test_document_types_and_entities_are_not_expanded(tmp_path):
    xml = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + dump("&e;").decode()
    )
    (page,) = iter_pages(write(tmp_path / "a.xml", xml.replace("&amp;e;", "&e;").encode()))
    assert page.text == "&e;"


def test_a_page_of_20_mb_takes_a_small_multiple_of_that(tmp_path):
    size = 20_000_000
    text = "word & word\n" * (size // 12)
    path = write(tmp_path / "a.xml", dump("small", text, "small"))
    del text
    tracemalloc.start()
    lengths = [len(page.text) for page in iter_pages(path, max_page=2 * size)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lengths == [5, size // 12 * 12, 5]
    assert peak < 5 * size


def test_memory_stays_flat_as_the_dump_grows_tenfold(tmp_path):
    head, foot = bz2.compress(HEADER.encode()), bz2.compress(FOOTER.encode())
    block = "".join(page_xml(i, f"some text of page {i} " * 40) for i in range(200)).encode()
    pages = bz2.compress(block)
    peaks = []
    for times in (10, 100):
        path = write(tmp_path / f"{times}.xml.bz2", head + pages * times + foot)
        tracemalloc.start()
        count = sum(len(page.text) > 100 for page in iter_pages(path, workers=2))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == 200 * times
    # How many blocks lie between the workers and the reader varies by a few; the input grew by ninety.
    assert peaks[1] - peaks[0] < 90 * len(block) / 4


def test_the_real_dumps_are_read_whole(shared_data):
    folder = shared_data("wikidump")
    expected = {
        PARTS: (206, 100),
        "enwiki-table-markup.xml.bz2": (5, 0),
        "en.mini.xml.bz2": (27, 2),
        "de.mini.xml.bz2": (2, 0),
        "ja.mini.xml.bz2": (1, 0),
        "zh.mini.xml.bz2": (1, 0),
        "simple.mini.xml.bz2": (1, 0),
    }
    for name, (pages, redirects) in expected.items():
        found = list(iter_pages(folder / name))
        assert (len(found), sum(page.redirect is not None for page in found)) == (pages, redirects), name
        assert all(page.title and page.text and page.timestamp and not page.invalid_utf8 for page in found), (
            name
        )


def test_parallel_reading_of_a_real_dump_gives_the_same_pages(shared_data):
    path = shared_data("wikidump") / PARTS
    serial = list(iter_pages(path, 1))
    assert list(iter_pages(path, 3)) == serial
    assert serial[0] == Page(
        id=10,
        title="AccessibleComputing",
        namespace=0,
        redirect="Computer accessibility",
        text="#REDIRECT [[Computer accessibility]]\n\n{{Redr|move|from CamelCase|up}}",
        timestamp="2014-10-26T04:50:23Z",
    )


def test_wiktionary_has_its_own_case_and_namespaces(shared_data):
    path = shared_data("wikidump") / "enwiktionary-test-pages-articles.xml.bz2"
    site = read_site(path)
    assert (site.language, site.case) == ("en", "case-sensitive")
    assert site.namespaces[118] == "Reconstruction"
    assert sum(1 for _ in iter_pages(path, 2)) == 1394
