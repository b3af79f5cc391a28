"""Formats of a corpus of files: what becomes of each, from the file to the cleaned documents."""

import csv
import gzip
import json
import subprocess
from pathlib import Path

import datasets
import pyarrow as pa
import pytest

from data_prep.sources import foretell
from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.known import Known
from pipeline.store.artifacts import Store

ROWS = [
    {"title": "Sea", "text": 'The sea, "blue"\nand wide.', "n": "1"},
    {"title": "空", "text": "天空是蓝色的。", "n": "2"},
    {"title": "", "text": "", "n": "3"},
    {"title": "Land", "text": "Hills.", "n": "4"},
]
READ = [(row["title"], row["text"]) for row in ROWS if row["text"]]


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def content(ending: str) -> bytes:
    """The rows, in a format of rows."""
    if ending == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    if ending == ".json":
        return json.dumps(ROWS, indent=1).encode()
    lines = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    if ending == ".tsv":
        return "\n".join("\t".join(line).replace('"blue"\n', '"blue" ') for line in lines).encode()
    path = Path("rows.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    return path.read_bytes()


@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".tsv"])
def test_rows_plain_and_compressed(records, write, tmp_path, monkeypatch, ending, packed) -> None:
    monkeypatch.chdir(tmp_path)
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstd}[packed]
    found = records(write(f"in/a{ending}{packed}", pack(content(ending))))
    texts = [(record.title, record.text) for record in found if record.text]
    assert texts == [
        (title, text.replace('"blue"\n', '"blue" ') if ending == ".tsv" else text) for title, text in READ
    ]


def test_json_lines_in_a_json_file(records, write) -> None:
    found = records(write("a.json", content(".jsonl")))
    assert [(record.title, record.text) for record in found] == READ
    assert [record.id for record in found] == ["a.json:0", "a.json:1", "a.json:2"]


def test_zstd_of_several_frames_is_read_whole_and_a_cut_one_is_told(records, write) -> None:
    lines = content(".jsonl").splitlines(keepends=True)
    frames = b"".join(zstd(line) for line in lines)
    found = records(write("a.jsonl.zst", frames))
    assert [record.text for record in found if record.text] == [text for _, text in READ]
    with pytest.raises(UserError, match=r"b\.jsonl\.zst is cut or damaged"):
        records(write("b.jsonl.zst", frames[:-9]))


def test_another_text_field_and_a_format_that_is_said(records, write) -> None:
    path = write("table.dat", 'id,body\n1,"a ""quoted"" word"\n')
    assert [each.text for each in records(path, format="csv", text_field="body")] == ['a "quoted" word']
    with pytest.raises(
        UserError, match=r"line 2: no column 'text'; there is: id, body\. Set corpus\.text_field"
    ):
        records(path, format="csv")


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("a.csv", "text,n\none\n", "line 2: 1 column, but the header has 2"),
        ("a.csv", 'text\n"never closed\n', "line 2"),
        ("a.json", '[{"text": "a"},', "is not JSON"),
        ("a.json", '["a"]', "item 1: a row must be a JSON object"),
        ("a.json", '[{"text": 3}]', "item 1: 'text' holds a int, not text"),
        (
            "a.json",
            '[{"text": 3}, 7]',
            r"2 faults in .*\n  item 1: 'text' holds a int.*\n  item 2: a row must",
        ),
        ("a.json.gz", "no gzip", "is cut or damaged"),
        ("a.csv.zst", "no zstd", "is cut or damaged"),
        ("a.arrow", "no arrow", "is damaged or no Arrow file"),
        ("a.json", "[]", "empty corpus"),
    ],
)
def test_damaged_rows_are_told_with_their_place(download_files, write, name, body, words) -> None:
    with pytest.raises(UserError, match=words):
        download_files(write(name, body))


@pytest.mark.parametrize(
    "ending", [".txt", ".jsonl", ".jsonl.gz", ".json", ".json.zst", ".csv", ".csv.gz", ".tsv"]
)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le"])
def test_another_encoding_is_told_before_the_start_with_a_command_that_converts(
    records, write, tmp_path, ending, encoding
) -> None:
    text = "人工智能是计算机科学的一个分支。" * 40
    contents = {".txt": text, ".json": f'[{{"text": "{text}"}}]', ".jsonl": f'{{"text": "{text}"}}\n'}
    encoded = contents.get(Path(f"a{ending}").suffixes[0], f"text\n{text}\n").encode(encoding)
    compress = {".gz": gzip.compress, ".zst": zstd}.get(Path(ending).suffix, bytes)
    path = write(f"in/a{ending}", compress(encoded))
    corpus, known = FilesCorpus(paths=[str(path.parent)]), Known(Store(tmp_path / "store"), {})
    with pytest.raises(UserError, match=r"it seems to be (GB18030|UTF-16)") as told:
        list(foretell(corpus, known))
    with pytest.raises(UserError, match="it seems to be"):
        records(path)
    subprocess.run(["sh", "-c", str(told.value).rpartition(": ")[2]], check=True)
    assert list(foretell(corpus, known)) == (["1 text file is one document"] if ending == ".txt" else [])
    assert [each.text.strip() for each in records(path)] == [text]


def test_unknown_format(write) -> None:
    assert FilesCorpus(format="docs").problems() == [
        "format='docs' is none of auto, arrow, csv, docx, epub, html, json, jsonl, mediawiki, parquet, pdf, text, tsv, "
        "warc"
    ]


def test_folder_of_datasets(records, tmp_path) -> None:
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved", num_shards=2)
    found = records(tmp_path / "saved")
    assert [(record.title, record.text) for record in found] == READ
    assert found[0].id == "data-00000-of-00002.arrow:0"
    with pytest.raises(
        UserError, match=r"has no column 'body'; set corpus\.text_field to one of title, text, n"
    ):
        records(tmp_path / "saved", text_field="body")


def test_folder_of_datasets_with_splits(download_files, tmp_path) -> None:
    rows = datasets.Dataset.from_list(ROWS)
    several = datasets.DatasetDict({"train": rows, "test": rows.select([0])})
    several.save_to_disk(tmp_path / "saved")
    source = download_files(tmp_path / "saved")
    assert [(file.path, file.split) for file in source.files] == [
        ("documents/test-00000.parquet", "test"),
        ("documents/train-00000.parquet", "train"),
    ]
    corpus = FilesCorpus(paths=[str(tmp_path / "saved")])
    assert (corpus.may_hold_out("test"), corpus.may_hold_out("validation")) == (True, False)


def test_arrow_in_the_file_format(records, tmp_path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert [(record.title, record.text) for record in records(tmp_path / "a.arrow")] == READ


def test_the_same_bytes_each_time(download_files, write, tmp_path) -> None:
    path = write("a.csv", b"text\n" + b"".join(b"Row %d of it.\n" % n for n in range(1000)))
    first = download_files(path).files[0].sha256
    assert download_files(path).files[0].sha256 == first


def test_unknown_endings_of_a_folder_are_left_out_and_counted(
    download_files, write, tmp_path, caplog
) -> None:
    for name in ("in/a.txt", "in/1.jpg", "in/2.JPG", "in/3.jpg", "in/4.zip", "in/Makefile"):
        write(name, "Some words.")
    caplog.set_level("INFO")
    assert [Path(file.path).name for file in download_files(tmp_path / "in").files] == ["a.txt"]
    assert "3 .jpg, 1 .zip and 1 without an ending are left out" in caplog.text
    (tmp_path / "in" / "a.txt").unlink()
    with pytest.raises(UserError, match=r"3 \.jpg, 1 \.zip and 1 without an ending: no format is known"):
        download_files(tmp_path / "in")


def test_a_file_of_an_unknown_ending_that_is_named_is_an_error(download_files, write) -> None:
    picture, text = write("a.jpg", "no text"), write("a.txt", "Some words.")
    with pytest.raises(UserError, match=r"a\.jpg: no format is known for this ending"):
        download_files(text, picture)


def test_the_dry_run_says_what_is_left_out(write, tmp_path) -> None:
    write("in/a.txt", "Some words."), write("in/b.doc", "no text")
    known = Known(Store(tmp_path / "store"), {})
    words = list(foretell(FilesCorpus(paths=[str(tmp_path / "in")]), known))
    assert words == ["1 .doc is left out", "1 text file is one document"]
