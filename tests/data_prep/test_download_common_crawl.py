"""Files of Common Crawl from a mirror on this machine, and archives of the web as files."""

import gzip
import io

import pytest

pytest.importorskip("warcio", reason="the packages of the extra documents are not installed (make dev)")
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from data_prep.sources import common_crawl
from pipeline.config.corpora.common_crawl import CommonCrawlCorpus
from pipeline.errors import UserError
from pipeline.formats.documents import read_documents
from tests.data_prep.dump_mirror import Mirror, serving

PARAGRAPH = "The river rises in the hills, and reaches the sea after three hundred miles of slow water. "
PAGE = f"""<html><head><title>A river</title></head><body><nav>Home | About</nav>
<article><h1>A river</h1><p>{PARAGRAPH * 3}</p><p>{PARAGRAPH * 2}</p></article></body></html>"""


def wet() -> bytes:
    """Two pages, as text that was taken out."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    for number in range(2):
        text = f"Page {number}\n{PARAGRAPH}".encode()
        writer.write_record(
            writer.create_warc_record(f"http://a/{number}", "conversion", payload=io.BytesIO(text))
        )
    return out.getvalue()


def warc() -> bytes:
    """A page, one that is gone, and a picture."""
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    for status, kind, body in (
        ("200 OK", "text/html; charset=utf-8", PAGE.encode()),
        ("404 Not Found", "text/html", PAGE.encode()),
        ("200 OK", "image/png", b"\x89PNG"),
    ):
        headers = StatusAndHeaders(status, [("Content-Type", kind)], protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record("http://a/", "response", payload=io.BytesIO(body), http_headers=headers)
        )
    return out.getvalue()


def test_the_first_files_of_a_crawl_are_fetched_and_read(make_context, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = [f"crawl-data/CC-MAIN-2026-01/segments/1/wet/{name}.warc.wet.gz" for name in ("a", "b", "c")]
    with serving(Mirror()) as mirror:
        listing = gzip.compress("\n".join(names).encode())
        mirror.files["/crawl-data/CC-MAIN-2026-01/wet.paths.gz"] = listing
        mirror.files |= {f"/{name}": wet() for name in names}
        corpus = CommonCrawlCorpus(crawl="CC-MAIN-2026-01", files=2, mirror=mirror.url)
        common_crawl.fetch(corpus, make_context(tmp_path / "out"), first_pause=0.01)
        assert not mirror.ranges("c.warc.wet.gz")
        many = corpus.model_copy(update={"files": 4})
        with pytest.raises(UserError, match="has 3 files"):
            common_crawl.fetch(many, make_context(tmp_path / "many"), first_pause=0.01)
    found = list(read_documents(tmp_path / "out/documents", "all"))
    assert [each.id for each in found] == [
        f"0000{number}-{name}.warc.wet.gz:{page}" for number, name in enumerate("ab") for page in (0, 1)
    ]
    assert found[0].text.startswith("Page 0\nThe river rises")


def test_pages_are_read_without_their_menus(records, write) -> None:
    (page,) = records(write("web/crawl.warc.gz", warc()))
    assert page.title == "A river"
    assert "The river rises" in page.text
    assert "About" not in page.text


def test_a_cut_archive_is_told(records, write) -> None:
    with pytest.raises(UserError, match=r"crawl\.warc\.gz is cut or damaged .* get it again"):
        records(write("web/crawl.warc.gz", wet()[:-40]))
