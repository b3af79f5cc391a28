"""Data sets through `datasets`, from local folders in place of the hub."""

import json
from pathlib import Path

import datasets
import pytest

from data_prep.download import run
from data_prep.sources.wikitext import _write_lines
from pipeline.config.corpora.hub import HubCorpus
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.fingerprint import FileHashes, fingerprint
from pipeline.formats.documents import read_documents
from pipeline.formats.source import Source

ROWS = {"text": ["Der erste.", None, "", "Der vierte."], "title": ["A", "B", "C", "D"], "n": [1, 2, 3, 4]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of Parquet files with a training and a test split."""
    folder = tmp_path / "data"
    datasets.Dataset.from_dict(ROWS).to_parquet(folder / "train.parquet")
    datasets.Dataset.from_dict({"text": ["Ein Test."], "title": ["T"], "n": [5]}).to_parquet(
        folder / "test.parquet"
    )
    return folder


@pytest.fixture
def download(make_context, tmp_path):
    def run_stage(**settings) -> tuple[dict, Source, Path]:
        folder = tmp_path / "artifact"
        metrics = run(DownloadStage(corpus=HubCorpus(**settings)), make_context(folder))
        return metrics, Source.load(folder), folder

    return run_stage


@pytest.mark.parametrize("streaming", [False, True])
def test_one_split_is_left_to_be_divided_later(download, data, streaming):
    metrics, source, folder = download(path=str(data), streaming=streaming)
    found = list(read_documents(folder / "documents", "all"))
    assert [(d.id, d.title, d.text) for d in found] == [
        ("train/0", "A", "Der erste."),
        ("train/3", "D", "Der vierte."),
    ]
    assert metrics["documents"] == 2
    assert (source.format, [file.split for file in source.files]) == ("documents", [None])
    assert source.files[0].path == "documents/all-00000.parquet"


def test_splits_keep_their_names(download, data):
    _, source, folder = download(path=str(data), splits={"train": "train", "validation": "test"})
    assert [file.split for file in source.files] == ["train", "validation"]
    assert [d.text for d in read_documents(folder / "documents", "validation")] == ["Ein Test."]


def test_slices_of_splits(download, data):
    _, source, _ = download(path=str(data), splits={"train": "train[:25%]", "test": "train[25%:]"})
    assert [file.split for file in source.files] == ["train", "test"]


@pytest.mark.parametrize("whole", [True, False])
def test_folders_written_by_save_to_disk(download, tmp_path, whole):
    rows = datasets.Dataset.from_dict(ROWS)
    saved = datasets.DatasetDict({"train": rows}) if whole else rows
    saved.save_to_disk(tmp_path / "saved")
    assert download(path=str(tmp_path / "saved"))[0]["documents"] == 2
    with pytest.raises(UserError, match="train"):
        download(path=str(tmp_path / "saved"), splits={"train": "nothing"})


def test_other_text_column(download, data):
    _, _, folder = download(path=str(data), text_field="title")
    assert [d.text for d in read_documents(folder / "documents", "all")] == ["A", "B", "C", "D"]


def test_missing_column_lists_the_others(download, data):
    with pytest.raises(UserError, match=r"no column 'body'; corpus\.text_field may be text, title, n"):
        download(path=str(data), text_field="body")


def test_column_that_is_no_text(download, data):
    with pytest.raises(UserError, match="column 'n' holds int, not text"):
        download(path=str(data), text_field="n")


def test_missing_split_lists_the_others(download, data):
    with pytest.raises(UserError, match=r"nothing.*train.*test"):
        download(path=str(data), splits={"train": "nothing"})


def test_data_set_without_text_is_an_empty_corpus(download, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text(json.dumps({"text": ""}) + "\n")
    with pytest.raises(UserError, match="empty corpus"):
        download(path=str(tmp_path / "data"))


def test_damaged_file_is_named_with_its_reason(download, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text('{"text": "cut')
    with pytest.raises(UserError, match=r"cannot be loaded: .*JSON"):
        download(path=str(tmp_path / "data"))


def test_files_of_a_folder_that_do_not_go_together(download, tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("text", "body"):
        (tmp_path / "data" / f"train-{name}.jsonl").write_text(json.dumps({name: "Etwas."}) + "\n")
    with pytest.raises(UserError, match="column names don't match"):
        download(path=str(tmp_path / "data"))


def test_files_of_a_killed_attempt_do_not_stay(download, data, tmp_path):
    stale = tmp_path / "artifact" / "documents" / "all-00007.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"half")
    _, source, _ = download(path=str(data))
    assert not stale.exists()
    assert len(source.files) == 1


def test_changed_local_folder_is_another_corpus(data, tmp_path):
    config, hashes = DownloadStage(corpus=HubCorpus(path=str(data))), FileHashes(tmp_path / "hashes.json")
    before = fingerprint("download", 1, config, {}, hashes)
    (data / "more.parquet").write_bytes(b"x")
    assert fingerprint("download", 1, config, {}, hashes) != before


def test_train_must_be_named(data):
    assert HubCorpus(path=str(data), splits={"test": "test"}).problems()


def test_wikitext_lines_are_restored_as_in_its_own_files(tmp_path):
    rows = ["", " = Title = \n", "", " Text of it . \n"]  # as the hub has them
    _write_lines(rows, tmp_path / "wiki.test.tokens")
    assert (tmp_path / "wiki.test.tokens").read_text() == " \n = Title = \n \n Text of it . \n"
