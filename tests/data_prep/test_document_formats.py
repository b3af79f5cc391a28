"""Documents as people have them, each made here as its programs make it: pages, Word, books, PDF."""

import io
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("trafilatura", reason="the packages of the extra documents are not installed (make dev)")
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from data_prep.sources import foretell
from data_prep.sources.zipped import opening
from data_prep.text.html_text import html_text
from pipeline import packages
from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.known import Known
from pipeline.store.artifacts import Store

ARTICLE = " ".join(f"This is sentence {n} of an article about the sea and its harbours." for n in range(12))
PAGE = f"""<!DOCTYPE html><html><head><title>The  sea</title><style>p {{}}</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop now</a></li></ul></nav>
<article><h1>The sea</h1><p>{ARTICLE}</p><p>Salt &amp; water.<script>track()</script></p></article>
<footer><a href="/imprint">Imprint</a></footer></body></html>"""
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BODY = f"""<?xml version="1.0" encoding="UTF-8"?><w:document {W}
 xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>The harb</w:t></w:r><w:r><w:t>our</w:t></w:r></w:p>
<w:p><w:r><w:t xml:space="preserve">One </w:t></w:r><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r>
<w:t>new</w:t></w:r></w:ins><w:r><w:br/><w:t>line.</w:t></w:r></w:p><w:p/>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Boat</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Fish</w:t></w:r></w:p></w:tc></w:tr>
<w:tr><w:tc><w:p><w:r><w:t>Anna</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>7</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>
</mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></mc:Fallback>
</mc:AlternateContent></w:r></w:p></w:body></w:document>"""
CORE = '<cp:p xmlns:cp="c" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>At sea</dc:title></cp:p>'
CONTAINER = '<container xmlns="c"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="p" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>A book</dc:title></metadata>
<manifest><item id="two" href="text/b%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/a.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="s.css" media-type="text/css"/>
</manifest><spine><itemref idref="one"/><itemref idref="two"/></spine></package>"""


def zipped(**members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def word(body: str = BODY, **more: str) -> bytes:
    return zipped(**{"word/document.xml": body, **more})


def book() -> bytes:
    head = "<?xml version='1.0' encoding='utf-8'?><html><head><title>x</title></head>"
    chapter = head + "<body><h1>{}</h1><p>{}</p></body></html>"
    return zipped(
        **{
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": PACKAGE,
            "OEBPS/text/a.xhtml": chapter.format("First", "It begins, naïvely."),
            "OEBPS/text/b b.xhtml": chapter.format("Second", "它结束了。"),
        }
    )


def pdf(*pages: str) -> bytes:
    writer, file = PdfWriter(), io.BytesIO()
    kind = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    font = DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in kind.items()})
    for text in pages:
        page, stream = writer.add_blank_page(300, 300), DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.add_metadata({"/Title": "On paper"})
    writer.write(file)
    return file.getvalue()


def test_a_page_without_its_menus(records, write) -> None:
    (record,) = records(write("a.html", PAGE))
    assert (record.id, record.title) == ("a.html:0", "The sea")
    assert ARTICLE in record.text
    assert "Salt & water." in record.text
    assert not [word for word in ("Shop", "Imprint", "track") if word in record.text]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<p>Hi.</p>", "Hi."),
        ("<meta charset='gb18030'><p>天空是蓝色的。</p>".encode("gb18030"), "天空是蓝色的。"),
        ("<p>naïve</p><p>a<b>b</b>c<br>d</p>".encode(), "naïve\nabc\nd"),
        (b"<html><body></body></html>", ""),
        (b"", ""),
        (b"<meta charset='nonsense'><p>A &lt; B</p>", "A < B"),
    ],
)
def test_the_words_of_small_pages(content, words) -> None:
    assert html_text(content)[1] == words


def test_word(records, write) -> None:
    (record,) = records(write("a.docx", word(**{"docProps/core.xml": CORE})))
    assert record.title == "At sea"
    assert record.text == "The harbour\n\nOne new\nline.\n\nBoat | Fish\nAnna | 7\n\nIn a box."


def test_a_book_in_the_order_of_its_spine(records, write) -> None:
    (record,) = records(write("a.epub", book()))
    assert (record.title, record.text) == ("A book", "First\nIt begins, naïvely.\n\nSecond\n它结束了。")


def test_pdf(records, write) -> None:
    (record,) = records(write("a.pdf", pdf("First page.", "Second page.")))
    assert (record.title, record.text) == ("On paper", "First page.\n\nSecond page.")


def test_documents_of_several_formats_stand_beside_each_other(records, write, tmp_path) -> None:
    write("in/a.docx", word()), write("in/b.html", "<p>Hi.</p>"), write("in/c.jpg", "no text")
    write("in/d.txt", "Two paragraphs,\n\none document."), write("in/e.md", "A note.")
    found = records(tmp_path / "in")
    assert [record.id for record in found] == ["a.docx:0", "b.html:0", "d.txt:0", "e.md:0"]
    assert found[2].text == "Two paragraphs,\n\none document."
    write("in/f.csv", "text\nrow\n")
    with pytest.raises(UserError, match=r"mixes formats: .*f\.csv \(csv\)"):
        records(tmp_path / "in")


def test_lists_of_short_texts_stay_lists_beside_documents(records, write) -> None:
    texts = write("list.txt", "".join(f"Text {n}: {ARTICLE[:250]}\n\n" for n in range(200)))
    alone = [record.text for record in records(texts)]
    beside = records(texts, write("a.html", "<p>Hi.</p>"))
    assert len(alone) == 200
    assert [record.text for record in beside if record.id.startswith("list.txt:")] == alone


BOMB = word("<w:document>" + " " * 1_000_000)
ENTITIES = f'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w:document {W}><w:p>&b;</w:p></w:document>'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", b"no zip"),
        ("a.docx", word()[:-40]),
        ("a.docx", zipped(other="x")),
        ("a.docx", word("<w:document>")),
        ("a.docx", word(ENTITIES)),
        ("a.docx", word(f"<w:document {W}>" + "<w:p>" * 100_000 + "</w:p>" * 100_000 + "</w:document>")),
        ("a.epub", zipped(**{"META-INF/container.xml": "<container/>"})),
        ("a.pdf", b"%PDF-1.7 and no more"),
        ("a.pdf", b"no pdf"),
    ],
)
def test_damaged_documents_fail_or_are_left_out(
    download_files, write, tmp_path, caplog, name, content
) -> None:
    write(f"in/{name}", content), write("in/good.html", PAGE)
    with pytest.raises(
        UserError, match=rf"1 file cannot be read: .*{name} is damaged, locked or no .*corpus\.damage=skip"
    ):
        download_files(tmp_path / "in")
    assert len(download_files(tmp_path / "in", damage="skip").files) == 1
    assert f"left out: 1 file cannot be read: {tmp_path / 'in' / name}" in caplog.text


def test_an_archive_that_expands_to_too_much(write) -> None:
    path = write("a.docx", BOMB)
    assert path.stat().st_size < 10_000
    with (
        pytest.raises(UserError, match="expands to more than is allowed"),
        opening(path, most=500_000) as members,
    ):
        members.read("word/document.xml")


def test_documents_without_text_are_told(download_files, write, tmp_path, caplog) -> None:
    write("in/scan.pdf", pdf("")), write("in/good.html", PAGE)
    caplog.set_level("INFO")
    download_files(tmp_path / "in")
    assert "1 file holds no text: scan.pdf" in caplog.text


def test_a_missing_package_is_told_before_anything_runs(write, tmp_path, monkeypatch) -> None:
    path = write("in/a.pdf", pdf("Text."))
    known = Known(Store(tmp_path / "store"), {})
    corpus = FilesCorpus(paths=[str(tmp_path / "in")])
    assert list(foretell(corpus, known)) == ["1 pdf: each file is one document"]
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=rf"reading .*{Path(path).name} needs pypdf: pip install 'lm-w"):
        list(foretell(corpus, known))
