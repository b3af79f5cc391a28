"""Local files of each format, used in place; WikiText from a folder."""

import bz2
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.download import run
from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.corpora.wikitext import WikiTextCorpus
from pipeline.config.stages import DownloadStage
from pipeline.errors import UserError
from pipeline.formats.source import Source

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def download(make_context, tmp_path):
    """Run the stage; returns its metrics and its source.json."""

    def run_stage(corpus) -> tuple[dict, Source]:
        folder = tmp_path / "artifact"
        return run(DownloadStage(corpus=corpus), make_context(folder)), Source.load(folder)

    return run_stage


@pytest.fixture
def corpus_folder(tmp_path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


def write(folder: Path, name: str) -> Path:
    """A small file of the format that its name says."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    record = json.dumps({"text": "Ein Text.", "id": 1}).encode() + b"\n"
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": ["Ein Text.", "Noch einer."], "n": [1, 2]}), path)
    else:
        body = record if ".jsonl" in name else b"<mediawiki/>" if ".xml" in name else b"Ein Text.\n"
        packed = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
        path.write_bytes(packed(body))
    return path


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("a.txt", "text"),
        ("a.TEXT", "text"),
        ("a.md", "text"),
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.parquet", "parquet"),
        ("wiki.xml", "mediawiki"),
        ("wiki-p1p2.xml.bz2", "mediawiki"),
    ],
)
def test_each_format_is_known_by_its_ending_and_used_in_place(download, corpus_folder, name, file_format):
    path = write(corpus_folder, name)
    metrics, source = download(FilesCorpus(paths=[str(corpus_folder)]))
    assert source.format == file_format
    (file,) = source.files
    assert file.path == str(path)
    assert (file.bytes, file.split) == (path.stat().st_size, None)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert metrics["files"] == 1
    assert metrics["megabytes"] == path.stat().st_size / 1e6
    assert metrics.get("documents") == (2 if file_format == "parquet" else None)


def test_relative_paths_are_recorded_so_that_any_folder_finds_them(download, corpus_folder, monkeypatch):
    write(corpus_folder, "a.txt")
    monkeypatch.chdir(corpus_folder.parent)
    _, source = download(FilesCorpus(paths=["corpus/*.txt"]))
    assert source.files[0].path == str(corpus_folder / "a.txt")


def test_globs_folders_and_settings(download, corpus_folder):
    for name in ("b.txt", "a.txt", "deep/c.txt", ".hidden"):
        write(corpus_folder, name)
    corpus = FilesCorpus(paths=[str(corpus_folder / "**/*")], text_field="body", split_documents=True)
    _, source = download(corpus)
    assert [Path(file.path).name for file in source.files] == ["a.txt", "b.txt", "c.txt"]
    assert source.text_field == "body"
    assert all(file.split_documents for file in source.files)


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["corpus"], "corpus"),
        (["corpus/**/*.txt"], "corpus"),
        (["corpus/v1.2", "corpus/a.txt"], "v1.2 and a"),
        (["corpus/a.txt"], "a"),
        (["."], "files"),
    ],
)
def test_a_corpus_is_called_by_what_was_named(download, corpus_folder, monkeypatch, paths, name):
    """Not by where that is on this machine."""
    for file in ("a.txt", "v1.2/b.txt"):
        write(corpus_folder, file)
    monkeypatch.chdir(corpus_folder.parent)
    assert download(FilesCorpus(paths=paths))[1].name == name


def test_format_can_be_said(download, corpus_folder):
    path = write(corpus_folder, "notes.log")
    with pytest.raises(UserError, match=r"notes\.log: no format is known.*corpus\.format"):
        download(FilesCorpus(paths=[str(path)]))
    assert download(FilesCorpus(paths=[str(path)], format="text"))[1].format == "text"


def test_mixed_formats(download, corpus_folder):
    write(corpus_folder, "a.txt")
    write(corpus_folder, "b.parquet")
    with pytest.raises(UserError, match=r"mixes formats: .*a\.txt \(text\), .*b\.parquet \(parquet\)"):
        download(FilesCorpus(paths=[str(corpus_folder)]))


def test_empty_files_are_left_out_and_nothing_else_is_an_empty_corpus(download, corpus_folder):
    (corpus_folder / "empty.txt").touch()
    with pytest.raises(UserError, match="empty corpus"):
        download(FilesCorpus(paths=[str(corpus_folder)]))
    write(corpus_folder, "a.txt")
    assert download(FilesCorpus(paths=[str(corpus_folder)]))[0]["files"] == 1


def test_hidden_files_and_folders_are_left_out_unless_they_are_named(download, corpus_folder):
    for name in ("a.txt", ".b.txt", ".git/c.txt"):
        write(corpus_folder, name)
    _, source = download(FilesCorpus(paths=[str(corpus_folder)]))
    assert [file.path for file in source.files] == [str(corpus_folder / "a.txt")]
    _, source = download(FilesCorpus(paths=[str(corpus_folder / ".git")]))
    assert [file.path for file in source.files] == [str(corpus_folder / ".git" / "c.txt")]


def test_a_name_that_is_not_utf8_is_told(download, corpus_folder):
    Path(os.fsdecode(os.fsencode(corpus_folder / "a") + b"\xff.txt")).write_text("Ein Text.")
    with pytest.raises(UserError, match=r"the name of .*a\\udcff\.txt' is not UTF-8; rename the file"):
        download(FilesCorpus(paths=[str(corpus_folder)]))


def test_parquet_without_rows_is_an_empty_corpus(download, corpus_folder):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), corpus_folder / "a.parquet")
    with pytest.raises(UserError, match="empty corpus"):
        download(FilesCorpus(paths=[str(corpus_folder)]))


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.jsonl.gz"])
def test_missing_text_field_names_those_that_exist(download, corpus_folder, name):
    path = write(corpus_folder, name)
    with pytest.raises(UserError, match=r"no (column|key) 'body'; .*text_field.* text, \w+"):
        download(FilesCorpus(paths=[str(path)], text_field="body"))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("a.parquet", b"PAR1 but not really"),
        ("a.jsonl", b"{'text': 'single quotes'}\n"),
        ("a.jsonl", b'["a", "list"]\n'),
        ("a.jsonl.gz", b"not gzip"),
    ],
)
def test_damaged_files(download, corpus_folder, name, body):
    (corpus_folder / name).write_bytes(body)
    with pytest.raises(UserError, match=name):
        download(FilesCorpus(paths=[str(corpus_folder)]))


def test_path_that_names_nothing(download):
    with pytest.raises(UserError, match=r"no file at 'nowhere/\*\.txt', 'a' \(seen from"):
        download(FilesCorpus(paths=["nowhere/*.txt", "conf", "a"]))


@pytest.mark.parametrize("form", ["tokens", "raw"])
def test_wikitext_folder(download, corpus_folder, form):
    for name in ("train", "valid", "test"):
        (corpus_folder / f"wiki.{name}.tokens").write_text(" \n = Title = \n \n Text of it . \n")
    _, source = download(WikiTextCorpus(path=str(corpus_folder), form=form))
    assert source.format == "wikitext"
    assert [(Path(file.path).name, file.split) for file in source.files] == [
        ("wiki.train.tokens", "train"),
        ("wiki.valid.tokens", "validation"),
        ("wiki.test.tokens", "test"),
    ]


def test_wikitext_takes_the_form_that_was_asked_for(download, corpus_folder):
    for name in ("train", "valid", "test"):
        for form in ("tokens", "raw"):
            (corpus_folder / f"wiki.{name}.{form}").write_text(" = Title = \n")
    _, source = download(WikiTextCorpus(path=str(corpus_folder), form="raw"))
    assert {Path(file.path).suffix for file in source.files} == {".raw"}


def test_wikitext_folder_that_lacks_a_file(download, corpus_folder):
    (corpus_folder / "wiki.train.tokens").write_text(" = Title = \n")
    with pytest.raises(UserError, match=r"lacks wiki\.valid\.raw, wiki\.test\.raw"):
        download(WikiTextCorpus(path=str(corpus_folder)))


def test_wikitext_2_as_it_is_shared(download, shared_data):
    _, source = download(WikiTextCorpus(path=str(shared_data("wikitext-2")), form="tokens"))
    assert [file.split for file in source.files] == ["train", "validation", "test"]
    assert source.files[2].bytes == 1_256_449


OFFLINE = """
import logging, sys
from pathlib import Path
from data_prep.sources.wikitext import fetch
from pipeline.config.corpora.wikitext import WikiTextCorpus
from pipeline.config.run import RunConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.tracking.tracker import Tracker
folder = Path(sys.argv[1])
try:
    fetch(WikiTextCorpus(), Context(folder, {}, Tracker(folder), logging.getLogger(), RunConfig()))
except UserError as error:
    print(error)
"""


def test_wikitext_without_a_network_says_what_to_do(tmp_path):
    environment = {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PATH": "",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", OFFLINE, str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert "the Hugging Face hub is out of reach" in result.stdout, result.stderr
    assert "corpus.path" in result.stdout
