"""Pages by their titles, with an index and without."""

import bz2
import html
import logging
import random
import re
from pathlib import Path

import pytest

from data_prep.mediawiki import lookup
from data_prep.mediawiki.lookup import find_page
from tests.data_prep.dump_files import FOOTER, HEADER, dump, multistream, page_xml, write

PER_STREAM = 10
SITE = HEADER.replace(
    'key="102"', 'key="10" case="first-letter">テンプレート</namespace>\n<namespace key="102"'
)


def titles(count: int = 100) -> list[str]:
    return [f"Page {i}" for i in range(count - 4)] + ["AT&T", "テンプレート:Box", "Éa b", "Old name"]


def pages(count: int = 100) -> list[str]:
    rng = random.Random(0)
    made = []
    for number, title in enumerate(titles(count), 1):
        text = f"text of {title} {rng.randbytes(900).hex()}"
        made.append(page_xml(number, "#REDIRECT [[page 7]]" if title == "Old name" else text, title))
    return made


@pytest.fixture
def make_multistream(tmp_path):
    """A multistream dump and its index."""

    def make(packed: bool = True, escape: bool = False, shift: int = 0, rotate: int = 0) -> Path:
        data, starts = multistream(pages(), PER_STREAM, SITE)
        lines = []
        for i, title in enumerate(titles()):
            offset = starts[(i // PER_STREAM + rotate) % len(starts)] + shift
            lines.append(f"{offset}:{i + 1}:{html.escape(title) if escape else title}\n")
        index = "".join(lines).encode()
        name = "xwiki-20240101-pages-articles-multistream"
        write(
            tmp_path / f"{name}-index.txt{'.bz2' if packed else ''}",
            bz2.compress(index) if packed else index,
        )
        return write(tmp_path / f"{name}.xml.bz2", data)

    return make


@pytest.fixture
def pages_read(monkeypatch) -> list[str]:
    """The titles of the pages that a lookup reads."""
    read = []

    def iter_pages(*args, **options):
        for page in lookup_iter_pages(*args, **options):
            read.append(page.title)
            yield page

    lookup_iter_pages = lookup.iter_pages
    monkeypatch.setattr(lookup, "iter_pages", iter_pages)
    return read


@pytest.mark.parametrize(("packed", "escape"), [(True, False), (False, True)])
def test_an_index_leads_to_one_stream(make_multistream, pages_read, caplog, packed, escape):
    path = make_multistream(packed, escape)
    for title in titles()[:-1]:
        pages_read.clear()
        page = find_page(path, title)
        assert page.title == title
        assert page.text.startswith(f"text of {title} ")
        assert len(pages_read) <= PER_STREAM
    assert find_page(path, "Page 1000") is None
    assert caplog.records == []


def test_with_and_without_an_index_the_same_pages_are_found(make_multistream, tmp_path):
    indexed = make_multistream()
    plain = write(tmp_path / "a.xml.bz2", indexed.read_bytes())
    for asked, found in {
        "page_3": "Page 3",
        "  Page   3 ": "Page 3",
        "PAGE 3": None,
        "aT&T": "AT&T",
        "éa_b": "Éa b",
        "テンプレート:box": "テンプレート:Box",
        "template:Box": "テンプレート:Box",
        "Box": None,
        "old name": "Page 7",
        "": None,
    }.items():
        for path in (indexed, plain):
            page = find_page(path, asked)
            assert (page and page.title) == found, (path.name, asked)


def test_one_redirect_is_followed_and_a_lost_target_is_not(tmp_path):
    path = write(
        tmp_path / "a.xml",
        dump("#REDIRECT [[Page 2]]", "#redirect [[page_3#part|x]]", "end", "#REDIRECT [[Nowhere]]"),
    )
    assert find_page(path, "Page 1").title == "Page 2"
    assert find_page(path, "Page 2").title == "Page 3"
    assert find_page(path, "Page 4").redirect == "Nowhere"


def test_a_wiktionary_tells_cases_apart(tmp_path):
    header = HEADER.replace("<case>first-letter", "<case>case-sensitive")
    xml = header + page_xml(1, "x", "polish") + page_xml(2, "y", "Polish") + FOOTER
    path = write(tmp_path / "a.xml", xml.encode())
    assert [find_page(path, title).id for title in ("Polish", "polish")] == [2, 1]


@pytest.mark.parametrize("wrong", [{"shift": 3}, {"rotate": 1}, "cut", "empty", "other text"])
def test_an_index_that_does_not_fit_is_told_and_not_used(make_multistream, caplog, wrong):
    path = make_multistream(**(wrong if isinstance(wrong, dict) else {}))
    index = path.with_name(path.name.replace(".xml", "-index.txt"))
    content = index.read_bytes()
    if not isinstance(wrong, dict):
        index.write_bytes(
            {"cut": content[:200], "empty": bz2.compress(b""), "other text": bz2.compress(b"<html>")}[wrong]
        )
    with caplog.at_level(logging.WARNING, "data_prep.mediawiki"):
        assert find_page(path, "Page 33").title == "Page 33"
    (record,) = caplog.records
    assert re.search(
        rf"{re.escape(index.name)} is no index of {re.escape(path.name)} \(.+\)", record.getMessage()
    )


def test_a_page_of_a_real_dump(shared_data):
    path = shared_data("wikidump") / "enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2"
    assert find_page(path, "anarchism").text.startswith("{{")
    assert find_page(path, "AccessibleComputing").redirect == "Computer accessibility"
