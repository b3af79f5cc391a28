"""Folders are walked with the links in them, each folder and file once."""

import logging
import os
from pathlib import Path

import pytest

from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.folders import expand_paths
from pipeline.formats.near_paths import path_hint
from pipeline.known import Known
from pipeline.store.artifacts import Store
from pipeline.tracking.tracker import Tracker


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Files here, behind links to elsewhere, and links in a circle."""
    for name in (
        "corpus/a.txt",
        "corpus/sub/b.txt",
        "corpus/.hidden/h.txt",
        "elsewhere/c.txt",
        "elsewhere/in/d.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    corpus = tmp_path / "corpus"
    (corpus / "more").symlink_to(tmp_path / "elsewhere")
    (corpus / "again").symlink_to(tmp_path / "elsewhere")
    (corpus / "sub" / "up").symlink_to(corpus)
    (corpus / "a_first").symlink_to(corpus / "sub")
    return corpus


def names(corpus: Path, *paths: str) -> list[str]:
    return [str(path.relative_to(corpus)) for path in expand_paths(str(corpus / path) for path in paths)]


def test_links_are_followed_once(corpus):
    assert names(corpus, "") == ["a.txt", "again/c.txt", "again/in/d.txt", "sub/b.txt"]


def test_of_a_glob_no_file_is_taken_twice(corpus):
    """Links in a circle keep glob itself busy for hours."""
    assert names(corpus, "**") == names(corpus, "")
    assert names(corpus, "**/in/*.txt") == names(corpus, "**/in/**") == ["again/in/d.txt"]
    assert names(corpus, "**/*.txt") == ["a.txt", "again/c.txt", "again/in/d.txt", "sub/b.txt"]
    assert names(corpus, "*/*.txt") == ["again/c.txt", "sub/b.txt"]
    assert names(corpus, "", "sub/b.txt", "sub/up/a.txt") == names(corpus, "")


def test_a_folder_named_by_a_link_is_read(corpus):
    assert names(corpus, "more") == ["more/c.txt", "more/in/d.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_told(corpus):
    (corpus / "sub").chmod(0)
    try:
        with pytest.raises(UserError, match="sub cannot be read"):
            names(corpus, "")
    finally:
        (corpus / "sub").chmod(0o755)


def test_where_the_samples_data_should_be_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever starts a sample experiment has typed neither the path nor the variable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LM_DATA", raising=False)
    with pytest.raises(
        UserError, match=r"no file at 'data/instruct/a\.jsonl'.*variable LM_DATA names; it is not set"
    ):
        expand_paths(["data/instruct/a.jsonl"])
    with pytest.raises(UserError, match=r"LM_DATA=/folder"):
        Context(tmp_path, {}, Tracker(tmp_path), logging.getLogger(), RunConfig()).locate("data/b.jsonl")
    with pytest.raises(UserError) as told:
        expand_paths(["notes/*.txt"])
    assert "LM_DATA" not in str(told.value)
    monkeypatch.setenv("LM_DATA", f"{tmp_path}/there/")
    with pytest.raises(UserError, match=r"it is .*/there/ now"):
        expand_paths([f"{tmp_path}/there/a.jsonl"])


def test_what_names_nothing_is_told_with_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "there").mkdir()
    (tmp_path / "there/a.txt").write_text("a")
    assert expand_paths(["~/there"]) == [tmp_path / "there/a.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=rf"no file at '~/wen' \({tmp_path}/wen\), '~/empty' \(an empty folder\)"
    ):
        expand_paths(["~/wen", "~/empty"])
    with pytest.raises(UserError, match=r"'a，b' \(there is a full-width ， here; type the ASCII ,, unless"):
        expand_paths(["a，b"])
    with pytest.raises(
        UserError, match="'a／b' does not exist; there is a full-width ／ here; type the ASCII /"
    ):
        Known(Store(tmp_path), {}).locate("a／b")


def test_a_path_that_leads_nowhere_is_told_with_the_nearest_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/talks.jsonl").write_text("{}")
    told = (
        r"no file at 'nots' \(did you mean notes\?\), 'notes/talk\.json' \(did you mean notes/talks\.jsonl\?\), "
        r"'nots/\*\.txt' \(did you mean notes\?\), 'else' \(seen from"
    )
    with pytest.raises(UserError, match=told):
        expand_paths(["nots", "notes/talk.json", "nots/*.txt", "else"])
    for locate in (
        Known(Store(tmp_path), {}).locate,
        Context(tmp_path, {}, Tracker(tmp_path), logging.getLogger(), RunConfig()).locate,
    ):
        with pytest.raises(UserError, match=r"'nots/a' does not exist; did you mean notes\?$"):
            locate("nots/a")


def test_only_the_first_name_that_does_not_exist_is_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "语料（新）"
    folder.mkdir()
    (folder / "notes.txt").write_text("a")
    assert path_hint(str(folder / "notez.txt")) == f"did you mean {folder}/notes.txt?"
    assert path_hint(str(folder / "a／b")).startswith("there is a full-width ／ here")
    assert path_hint(str(folder)) == "", "which is there, whatever somebody lacks in it"
