"""Documents survive the way to disk and back, and damage is told, not met."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import UserError
from pipeline.formats import documents
from pipeline.formats.documents import (
    SCHEMA,
    Document,
    DocumentFile,
    DocumentWriter,
    count_documents,
    document_files,
    document_name,
    pick_documents,
    read_documents,
    read_texts,
    sample_texts,
    text_bytes,
)


def write(folder: Path, texts: list[str], shard_mb: int = 128) -> None:
    with DocumentWriter(folder, "train", shard_mb) as writer:
        for number, text in enumerate(texts):
            writer.write(Document(str(number), text))


def test_documents_come_back_in_order(tmp_path: Path) -> None:
    written = [
        Document(
            f"id-{number}", f"text {number} 语言 \x00\n", f"title {number}", "here", {"n": number, "ü": None}
        )
        for number in range(600)
    ]
    with DocumentWriter(tmp_path, "train", 128) as writer:
        for document in written:
            writer.write(document)
    assert list(read_documents(tmp_path, "train", batch_size=7)) == written
    assert list(read_texts(tmp_path, "train")) == [document.text for document in written]
    assert writer.documents == count_documents(tmp_path, "train") == 600
    assert writer.bytes == sum(len(document.text.encode()) for document in written)
    assert list(read_documents(tmp_path, "test")) == []


def test_files_are_bounded_and_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROW_GROUP_BYTES", 100_000)
    texts = [f"{number} " * 10_000 for number in range(90)]
    write(tmp_path, texts, shard_mb=1)
    assert len(document_files(tmp_path, "train")) == 3
    assert list(read_texts(tmp_path, "train")) == texts
    for path in document_files(tmp_path, "train"):
        size = sum(len(text) for text in pq.read_table(path)["text"].to_pylist())
        assert size < 1_100_000


def test_files_come_by_part_and_number(tmp_path: Path) -> None:
    places = [("news", 99999), ("news", 100000), ("wiki", 0), ("wiki-old", 0)]
    names = [document_name("train", number, part) for part, number in places]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in document_files(tmp_path, "train")] == names


def test_what_a_killed_attempt_left_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROW_GROUP_BYTES", 100_000)
    write(tmp_path, ["long " * 300_000] * 3, shard_mb=1)
    write(tmp_path, ["short"], shard_mb=1)
    assert list(read_texts(tmp_path, "train")) == ["short"]


@pytest.mark.parametrize("megabytes", [0.05, 0.1, 0.55])
def test_a_sample_is_spread_evenly(tmp_path: Path, megabytes: float) -> None:
    texts = [f"{number:04d}" + "x" * (number % 7 * 100) for number in range(3000)]
    write(tmp_path, texts)
    sample = list(sample_texts(tmp_path, "train", megabytes))
    assert sample == list(sample_texts(tmp_path, "train", megabytes))
    assert text_bytes(tmp_path, "train") == pytest.approx(sum(map(len, texts)), rel=0.02)
    assert sum(map(len, sample)) == pytest.approx(megabytes * 1e6, rel=0.1)
    assert sum(map(len, sample)) <= megabytes * 1e6
    numbers = [int(text[:4]) for text in sample]
    for quarter in range(4):
        inside = sum(
            len(text) for number, text in zip(numbers, sample, strict=True) if number // 750 == quarter
        )
        assert inside == pytest.approx(megabytes * 1e6 / 4, rel=0.15)


def test_a_sample_larger_than_the_split_takes_all(tmp_path: Path) -> None:
    texts = [f"text {number} é" for number in range(10)]
    write(tmp_path, texts)
    assert list(sample_texts(tmp_path, "train", 5)) == texts


def test_a_document_larger_than_the_sample_is_cut(tmp_path: Path) -> None:
    write(tmp_path, ["é" * 100_000, "b" * 100])
    (sample,) = sample_texts(tmp_path, "train", 0.000_101)
    assert sample == "é" * 50


def test_damage_is_a_message(tmp_path: Path) -> None:
    write(tmp_path, [f"{number} words and more words" * 50 for number in range(2000)])
    (path,) = document_files(tmp_path, "train")
    content = path.read_bytes()
    middle = len(content) // 2
    for damaged in (
        b"",
        content[:-1],
        content[:middle],
        content[: middle - 500] + bytes(1000) + content[middle + 500 :],
        content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"train-00000.parquet is damaged .* start again"):
            list(read_documents(tmp_path, "train"))


def test_no_changed_byte_passes_for_text(tmp_path: Path) -> None:
    write(tmp_path, [f"{number} words and more words" * 50 for number in range(500)])
    (path,) = document_files(tmp_path, "train")
    content, whole = path.read_bytes(), list(read_documents(tmp_path, "train"))
    found = 0
    for place in range(4, len(content), 53):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert list(read_documents(tmp_path, "train")) == whole
        except UserError:
            found += 1
    assert found > len(content) // 53 // 2


def test_invalid_utf8_is_a_message(tmp_path: Path) -> None:
    bad = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\x00\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"\xff\xfe")
    )
    columns = {name: bad if name == "text" else pa.array(["{}"]) for name in SCHEMA.names}
    pq.write_table(pa.table(columns, schema=SCHEMA), tmp_path / "train-00000.parquet")
    for reading in (
        read_texts(tmp_path, "train"),
        read_documents(tmp_path, "train"),
        sample_texts(tmp_path, "train", 1),
    ):
        with pytest.raises(UserError, match="is damaged"):
            list(reading)


def test_documents_are_picked_by_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROW_GROUP_BYTES", 100)  # a few documents each
    for part in ("a", "b"):
        for file in range(2):
            with DocumentFile(tmp_path / document_name("train", file, part)) as writer:
                for number in range(20 * file, 20 * file + 20):
                    writer.write(Document(f"{part}{number}", f"text {number} of {part}"))
    picked = pick_documents(tmp_path, "train", "b", [39, 0, 7, 20, 99])
    assert {number: document.id for number, document in picked.items()} == {
        number: f"b{number}" for number in (0, 7, 20, 39)
    }
