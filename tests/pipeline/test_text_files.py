"""Texts and rows are read from files of all the formats that evaluation takes."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import UserError
from pipeline.formats.rows import read_rows
from pipeline.formats.text_files import read_file_texts


def test_plain_text_is_one_document_unless_it_is_a_list_of_short_ones(tmp_path) -> None:
    (tmp_path / "a.md").write_bytes(b"\xef\xbb\xbfOne\r\n two.\r\n \r\n\r\nThree.\n")
    assert list(read_file_texts(tmp_path / "a.md")) == [("", "One\n two.\n \n\nThree.")]
    texts = [f"Review {number}\nof a long book. {'It goes on. ' * 20}" for number in range(100)]
    (tmp_path / "list.txt").write_bytes("\r\n\r\n".join(t.replace("\n", "\r\n") for t in texts).encode())
    assert list(read_file_texts(tmp_path / "list.txt")) == [("", text) for text in texts]


def test_wikitext_is_known_by_its_title_line_and_kept_character_for_character(tmp_path) -> None:
    content = (
        " \n = One = \n \n A line\x85 separator . \n \n = = Section = = \n \n B . \n \n = Two = \n \n C . \n"
    )
    for name in ("wiki.test.tokens", "test.txt"):
        (tmp_path / name).write_bytes(content.encode())
        found = list(read_file_texts(tmp_path / name))
        assert [title for title, _ in found] == ["One", "Two"]
        assert "".join(text for _, text in found) == content


def test_rows_give_their_text_and_title(tmp_path) -> None:
    rows = [{"text": "a\n\nb", "title": "A", "n": 1}, {"text": "c", "title": None, "n": 2}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.json", "a.parquet"):
        assert list(read_file_texts(tmp_path / name)) == [("A", "a\n\nb"), ("", "c")]
        assert [row for _, row in read_rows(tmp_path / name)] == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.jsonl", b'{"text": 7}', "line 1: no 'text' that is a text"),
        ("a.parquet", b"PAR0", "no Parquet file"),
        ("a.csv", b"text\nx\n", "no text is read from files of this ending"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, name, content, message) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(read_file_texts(tmp_path / name))


def test_nulls_and_lone_surrogates_in_rows(tmp_path):
    """As in the corpus: a null is no text, and half of a surrogate pair is no character."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": null}\n{"text": "caf\\ud83d\\u00e9", "title": "\\udc00T"}\n')
    assert list(read_file_texts(path)) == [("T", "café")]
