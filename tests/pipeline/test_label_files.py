"""Texts in a zip archive whose files are called as their labels."""

import zipfile
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.formats.rows import read_rows


def test_files_take_turns_and_their_endings_are_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "reviews.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("reviews/README.txt", "what this is\n")
        archive.writestr("reviews/rt.neg", "dull \n\nbad\nworse\n")
        archive.writestr("reviews/rt.pos", "déjà vu , and good\n".encode("latin-1"))
    rows = list(read_rows(path))
    assert [(row["text"], row["label"]) for _, row in rows] == [
        ("dull", "neg"),
        ("déjà vu , and good", "pos"),
        ("bad", "neg"),
        ("worse", "neg"),
    ]
    assert rows[2][0].endswith("reviews.zip, reviews/rt.neg, line 3")


def test_what_is_no_such_archive_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "texts.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match="no zip archive"):
        list(read_rows(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "a\n")
    with pytest.raises(UserError, match="holds no files whose ending is a label"):
        list(read_rows(path))
