"""Tokens survive the way to disk and back; a missing or changed byte is found before training."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.shards import INDEX, ShardIndex, ShardWriter, TokenStream, token_dtype, verify


def write(folder: Path, documents: list[list[int]], vocab_size: int = 100, per_file: int = 10) -> ShardIndex:
    """Documents in files of `per_file` tokens or one document more."""
    dtype = token_dtype(vocab_size)
    with ShardWriter(folder, "train", dtype, shard_mb=1) as writer:
        writer._limit = per_file
        for document in documents:
            writer.write(np.array(document))
    index = ShardIndex(dtype.name, vocab_size, 0, "hash", {"train": writer.files})
    index.save(folder)
    return index


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write(tmp_path, [[1, 2, 3, 0], [4] * 11, [5, 0], [6, 7, 0]])
    return tmp_path


@given(
    documents=st.lists(st.lists(st.integers(0, 70_000), min_size=1, max_size=12), min_size=1, max_size=12),
    per_file=st.integers(1, 40),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(documents: list[list[int]], per_file: int, data: st.DataObject) -> None:
    whole = [id for document in documents for id in document]
    with tempfile.TemporaryDirectory() as name:
        index = write(Path(name), documents, max(whole) + 1, per_file)
        assert ShardIndex.load(Path(name)) == index
        stream = TokenStream(Path(name), "train")
        assert len(stream) == index.tokens("train") == len(whole)
        start = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, len(whole) + 5))
        part = stream.read(start, length)
        assert part.dtype == np.int64
        assert part.tolist() == whole[start : start + length]
        verify(Path(name))
        lengths = []
        for file in index.splits["train"]:
            offsets = np.load((Path(name) / file.name).with_suffix(".idx.npy"))
            assert offsets[0] == 0
            assert offsets[-1] == file.tokens
            assert len(offsets) == file.documents + 1
            lengths += np.diff(offsets).tolist()
        assert lengths == [len(document) for document in documents]


def test_files_end_with_a_document_once_they_are_full(shards: Path) -> None:
    assert [(file.tokens, file.documents) for file in ShardIndex.load(shards).splits["train"]] == [
        (15, 2),
        (5, 2),
    ]


def test_ids_take_two_bytes_where_they_fit(tmp_path: Path) -> None:
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    for vocab_size, size in ((65_536, 2), (65_537, 4)):
        write(tmp_path, [[vocab_size - 1, 258]], vocab_size)
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
    for check in (lambda: TokenStream(shards, "train"), lambda: verify(shards)):
        with pytest.raises(UserError, match=r"train-00001\.bin"):
            check()


@pytest.mark.parametrize("at", [0, 7, -1])
def test_a_changed_byte_is_found_by_verify(shards: Path, at: int) -> None:
    path = shards / "train-00000.bin"
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train-00000\.bin .*checksum is wrong.*start again"):
        verify(shards)


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
