"""Dumps of other schemas and encodings, and files that are none."""

import bz2
import gzip
import json
import logging
import subprocess

import pytest

from data_prep.mediawiki.dump import DumpError, iter_pages, read_site
from data_prep.mediawiki.redirects import redirect_target
from tests.data_prep.dump_files import FOOTER, HEADER, dump, page_xml, write


@pytest.mark.parametrize(
    ("root", "schema"),
    [
        ('<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.9/" version="0.9">', "0.9"),
        ('<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">', "0.10"),
        ('<mediawiki version="0.11">', "0.11"),
        ("<mediawiki>", ""),
    ],
)
def test_known_schemas_are_read_silently(tmp_path, caplog, root, schema):
    path = write(tmp_path / "a.xml", (root + page_xml(1, "x") + FOOTER).encode())
    assert read_site(path).schema == schema
    assert caplog.records == []


def test_an_unknown_schema_is_told_once_and_read(tmp_path, caplog):
    path = write(tmp_path / "a.xml.bz2", bz2.compress(dump("x").replace(b"0.11", b"0.12")))
    with caplog.at_level(logging.WARNING):
        assert read_site(path).schema == "0.12"
        assert [page.text for page in iter_pages(path)] == ["x"]
    (record,) = caplog.records
    assert record.name == "data_prep.mediawiki"
    for part in (str(path), "version 0.12", "read as 0.11", "check"):
        assert part in record.getMessage()


def test_real_dumps_are_of_known_schemas(shared_data, caplog):
    for path in shared_data("wikidump").glob("*.mini.xml.bz2"):
        assert read_site(path).schema == "0.10"
    assert caplog.records == []


@pytest.mark.parametrize(("element", "pattern"), [("<id>", "id>"), ("<text>", "text")])
def test_a_dump_whose_pages_lack_what_they_need_is_refused(tmp_path, element, pattern):
    xml = dump(*["x"] * 150).decode()
    xml = (
        xml.replace("<id>", "<key>").replace("</id>", "</key>")
        if pattern == "id>"
        else xml.replace(">x<", "><")
    )
    with pytest.raises(DumpError, match=f"none of 100 pages has a {element}"):
        list(iter_pages(write(tmp_path / "a.xml", xml.encode())))


def test_a_byte_order_mark_is_no_content(tmp_path):
    path = write(tmp_path / "a.xml", b"\xef\xbb\xbf" + dump("x"))
    assert read_site(path).dbname == "jawiki"
    assert [page.text for page in iter_pages(path)] == ["x"]


@pytest.mark.parametrize("declaration", ["", '<?xml version="1.0"?>\n'])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_another_encoding_is_named_with_what_to_do(tmp_path, encoding, declaration):
    text = "人工智能是计算机科学的一个分支。" * 400
    original = declaration.encode() + dump(text)
    for compress, suffix in (
        (bytes, ".xml"),
        (bz2.compress, ".xml.bz2"),
        (gzip.compress, ".xml.gz"),
        (bz2.compress, ".XML.BZ2"),
    ):
        path = write(tmp_path / f"a{suffix}", compress(original.decode().encode(encoding)))
        with pytest.raises(DumpError, match=f"it seems to be {encoding[:6].upper()}") as caught:
            list(iter_pages(path, on_damage=lambda damage: None))
        with pytest.raises(DumpError, match="iconv"):
            read_site(path)
        subprocess.run(["sh", "-c", str(caught.value).rpartition(": ")[2]], check=True)
        assert [page.text for page in iter_pages(path)] == [text]
        assert (tmp_path / f".a{suffix}.old").is_file(), "hidden, so that its folder has the dump once"


@pytest.mark.parametrize("name", ["a.xml", "a.xml.bz2", "a.xml.gz"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html>\n<html><title>404</title>", "HTML page"),
        (b"\n<HTML><body>Too many requests", "HTML page"),
        (json.dumps({"error": "no such dump"}).encode(), "JSON"),
        (b'[{"id": 1}]', "JSON"),
        (b"id,title\n", "begins with b'id,title"),
    ],
)
def test_an_answer_saved_as_a_dump_is_told_as_what_it_is(tmp_path, name, packed, content, says):
    compress = {"a.xml.bz2": bz2.compress, "a.xml.gz": gzip.compress}.get(name, bytes) if packed else bytes
    path = write(tmp_path / name, compress(content))
    for read in (read_site, lambda path: list(iter_pages(path, on_damage=lambda damage: None))):
        with pytest.raises(DumpError, match=says) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "damaged" not in str(caught.value)


def test_a_dump_under_a_wrong_name_is_told_how_to_be_named(tmp_path):
    for data, name, says in (
        (bz2.compress(dump("x")), "a.xml", "end in .bz2"),
        (gzip.compress(dump("x")), "a.xml", "end in .gz"),
        (dump("x"), "a.xml.bz2", "end in .xml"),
    ):
        with pytest.raises(DumpError, match=says):
            read_site(write(tmp_path / name, data))


@pytest.mark.parametrize(
    "text",
    [
        "#REDIRECT [[Target page]]",
        "#redirect: [[:Target_page#Section|shown]]",
        "\n #Weiterleitung[[Target page]]",
        "#REDIRECTION [[Target page]] {{R}}",
        "#REDIRECCIÓN [[Target page]]",
        "#OMDIRIGERING [[Target page]]",
        "#DOORVERWIJZING [[Target page]]",
        "#перенаправление [[Target page]]",
        "#ПЕРЕНАПРАВЛЕННЯ [[Target page]]",
        "#RINVIA [[Target page]]",
        "#PATRZ [[Target page]]",
        "#転送 [[Target page]]",
        "＃リダイレクト[[Target page]]",
        "#重定向 [[Target page]]",
        "#đổi [[Target page]]",
        "#REDIRECIONAMENTO [[Target page]]",
        "#تحويل [[Target page]]",
        "#تغییر_مسیر [[Target page]]",
        "#REDIRECCIÓ [[Target page]]",
        "#ALIH [[Target page]]",
        "#넘겨주기 [[Target page]]",
        "#Преусмери [[Target page]]",
        "#YÖNLENDİRME [[Target page]]",
        "#OHJAUS [[Target page]]",
        "#PŘESMĚRUJ [[Target page]]",
        "#重新導向 [[Target page]]",
        "#Preusmjeri [[Target page]]",
        "#виж [[Target page]]",
        "#ՎԵՐԱՀՂՈՒՄ [[Target page]]",
        "#YOʻNALTIRISH [[Target page]]",
        "#İSTİQAMƏTLƏNDİRMƏ [[Target page]]",
    ],
)
def test_redirects_are_known_by_their_words(tmp_path, text):
    (page,) = iter_pages(write(tmp_path / "a.xml", dump(text)))
    assert page.redirect == "Target page"


@pytest.mark.parametrize(
    "text",
    ["REDIRECT [[A]]", "#REDIRECT A", "#redirects [[A]]", "x #REDIRECT [[A]]", "# [[A]]", "#REDIRECT [[]]"],
)
def test_a_list_that_begins_like_a_redirect_is_none(text):
    assert redirect_target(text) is None


def test_the_redirect_element_goes_before_the_text(tmp_path):
    xml = dump("#REDIRECT [[By text]]").replace(b"<ns>", b'<redirect title="By element" /><ns>')
    (page,) = iter_pages(write(tmp_path / "a.xml", xml))
    assert page.redirect == "By element"


def test_pages_without_a_namespace_have_that_of_their_title(tmp_path):
    names = {
        "A": 0,
        "ファイル:A": 6,
        "File:A": 6,
        "a & b:A": 102,
        "Template talk:A": 11,
        "No such:A": 0,
        ":A": 0,
    }
    xml = HEADER + "".join(page_xml(i, "x", name) for i, name in enumerate(names, 1)) + FOOTER
    path = write(tmp_path / "a.xml", xml.replace("<ns>0</ns>", "").encode())
    assert {page.title: page.namespace for page in iter_pages(path)} == names
