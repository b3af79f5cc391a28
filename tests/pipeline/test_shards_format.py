"""Tokens survive the way to disk and back; a missing byte is found when they are opened."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.formats.shards import INDEX, OPEN_FILES, ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.store.file_hashes import hash_file


def write(folder: Path, files: list[list[list[int]]], vocab_size: int = 100) -> ShardIndex:
    """Files of documents of tokens."""
    dtype, written = token_dtype(vocab_size), []
    for number, documents in enumerate(files):
        with ShardWriter(folder, f"train-{number:05d}", dtype) as writer:
            for document in documents:
                writer.write(np.array(document))
        written.append(writer.file)
    index = ShardIndex(dtype.name, vocab_size, 0, "hash", {"train": written})
    index.save(folder)
    return index


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write(tmp_path, [[[1, 2, 3, 0], [4] * 11], [[5, 0], [6, 7, 0]]])
    return tmp_path


@given(
    documents=st.lists(st.lists(st.integers(0, 70_000), min_size=1, max_size=12), min_size=1, max_size=12),
    per_file=st.integers(1, 5),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(documents: list[list[int]], per_file: int, data: st.DataObject) -> None:
    whole = [id for document in documents for id in document]
    with tempfile.TemporaryDirectory() as name:
        files = [documents[i : i + per_file] for i in range(0, len(documents), per_file)]
        index = write(Path(name), files, max(whole) + 1)
        assert ShardIndex.load(Path(name)) == index
        stream = TokenStream(Path(name), "train")
        assert len(stream) == index.tokens("train") == len(whole)
        start = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, len(whole) + 5))
        part = stream.read(start, length)
        assert part.dtype == np.int64
        assert part.tolist() == whole[start : start + length]
        size = data.draw(st.integers(1, len(whole)))
        starts = np.array(data.draw(st.lists(st.integers(0, len(whole) - size), max_size=8)), np.int64)
        rows = stream.read_rows(starts, size)
        assert (rows.dtype, rows.shape) == (np.int64, (len(starts), size))
        assert rows.tolist() == [whole[start : start + size] for start in starts]
        assert [hash_file(Path(name) / file.name) for file in index.splits["train"]] == [
            file.sha256 for file in index.splits["train"]
        ]
        lengths = []
        for file in index.splits["train"]:
            offsets = np.load((Path(name) / file.name).with_suffix(".idx.npy"))
            assert offsets[0] == 0
            assert offsets[-1] == file.tokens
            assert len(offsets) == file.documents + 1
            lengths += np.diff(offsets).tolist()
        assert lengths == [len(document) for document in documents]


def test_ids_take_two_bytes_where_they_fit(tmp_path: Path) -> None:
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    for vocab_size, size in ((65_536, 2), (65_537, 4)):
        write(tmp_path, [[[vocab_size - 1, 258]]], vocab_size)
        assert TokenStream(tmp_path, "train").read(0, 2).tolist() == [vocab_size - 1, 258]
        content = (tmp_path / "train-00000.bin").read_bytes()
        assert content == (vocab_size - 1).to_bytes(size, "little") + (258).to_bytes(size, "little")


def test_a_missing_byte_is_found_when_the_stream_is_opened(shards: Path) -> None:
    path = shards / "train-00001.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        UserError, match=r"train-00001.bin has 9 bytes where its index says 10: .*start again"
    ):
        TokenStream(shards, "train")


def test_a_missing_file_is_found(shards: Path) -> None:
    (shards / "train-00001.bin").unlink()
    with pytest.raises(UserError, match=r"train-00001\.bin"):
        TokenStream(shards, "train")


def test_files_are_open_while_they_are_read_and_only_so_many(tmp_path: Path) -> None:
    count = OPEN_FILES + 50
    write(tmp_path, [[[number, 0]] for number in range(count)], 1000)
    stream, before = TokenStream(tmp_path, "train"), len(os.listdir("/proc/self/fd"))
    assert [int(stream.read(2 * number, 1)[0]) for number in range(count)] == list(range(count))
    assert len(os.listdir("/proc/self/fd")) <= before + OPEN_FILES


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"splits": {"train": [{"name": 1}]}}'])
def test_a_damaged_index_is_a_message(shards: Path, content: str | None) -> None:
    (shards / INDEX).unlink()
    if content is not None:
        (shards / INDEX).write_text(content)
    with pytest.raises(UserError, match=r"index\.json is missing or damaged"):
        TokenStream(shards, "train")


def test_an_empty_split_is_a_message(shards: Path) -> None:
    with pytest.raises(UserError, match="no validation documents"):
        TokenStream(shards, "validation")


def test_parts_are_read_apart_and_together(tmp_path: Path) -> None:
    files = []
    written = {
        "train-wiki-00000": [[1, 2, 0]],
        "train-wiki-00001": [[3, 0]],
        "train-news-00000": [[4, 0], [5, 6, 0]],
        "train-news-00001": [[7, 0]],
    }
    for name, documents in written.items():
        with ShardWriter(tmp_path, name, token_dtype(100), name.split("-")[1]) as writer:
            for document in documents:
                writer.write(np.array(document))
        files.append(writer.file)
    ShardIndex("<u2", 100, 0, "hash", {"train": files}).save(tmp_path)
    index = ShardIndex.load(tmp_path)
    assert index.splits["train"][0].name == "train-wiki-00000.bin"
    assert index.part_tokens("train") == {"wiki": 5, "news": 7}
    assert index.part_tokens("test") == {}
    news, whole = TokenStream(tmp_path, "train", "news"), TokenStream(tmp_path, "train")
    assert news.read(0, 9).tolist() == [4, 0, 5, 6, 0, 7, 0]
    assert news.document_starts().tolist() == [0, 2, 5, 7]
    assert whole.read(0, 99).tolist() == [1, 2, 0, 3, 0, 4, 0, 5, 6, 0, 7, 0]
    assert whole.document_starts().tolist() == [0, 3, 5, 7, 10, 12]
    with pytest.raises(UserError, match="part books of the corpus has no train documents"):
        TokenStream(tmp_path, "train", "books")


def test_an_index_from_before_there_were_parts_is_read(shards: Path) -> None:
    values = json.loads((shards / INDEX).read_text())
    for file in values["splits"]["train"]:
        del file["part"]
    (shards / INDEX).write_text(json.dumps(values))
    assert ShardIndex.load(shards).part_tokens("train") == {"": 20}
