"""Embeddings that start as the vectors of a word2vec file, text and binary, and files that are none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.pretraining import PretrainConfig
from pipeline.errors import UserError
from train.models import build_model
from train.models.word_vectors import check_width, fill_embeddings, read_vectors, token_texts, vector_size

SIZE = 6
WORDS = ["the", "naïve", "中文", "ice cream", "3"]
VECTORS = np.random.default_rng(1).normal(size=(len(WORDS), SIZE)).astype(np.float32)


def text(path: Path, count: int = len(WORDS)) -> Path:
    lines = [f"{count} {SIZE}"] + [
        " ".join([word, *map(repr, map(float, vector))]) for word, vector in zip(WORDS, VECTORS, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def binary(path: Path, between: bytes = b"", count: int = len(WORDS)) -> Path:
    """As gensim writes it, or with the line feeds of the original program."""
    entries = [word.replace(" ", "_").encode() + b" " + vector.tobytes() + between
               for word, vector in zip(WORDS, VECTORS, strict=True)]  # fmt: skip
    path.write_bytes(f"{count} {SIZE}\n".encode() + b"".join(entries))
    return path


@pytest.mark.parametrize(
    "write", [text, binary, lambda path: binary(path, b"\n")], ids=["text", "binary", "line feeds"]
)
def test_vectors_are_read_by_content(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = write(tmp_path / "vectors")
    size, found = read_vectors(path, {"中文": 7, "naïve": 2, "absent": 1})
    assert size == vector_size(path) == SIZE
    assert set(found) == {7, 2}
    np.testing.assert_allclose(found[7], VECTORS[2], rtol=1e-6)
    np.testing.assert_allclose(found[2], VECTORS[1], rtol=1e-6)


def test_rows_of_known_words_have_their_direction_and_the_drawn_length(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model(LSTMConfig(hidden=8, embedding=SIZE, layers=1), 400)
    before = model.embedding.weight.detach().clone()
    assert fill_embeddings(model, text(tmp_path / "v.txt"), {"the": 5, "中文": 9, "none": 3}) == 2
    rows, known = model.embedding.weight.detach(), torch.from_numpy(VECTORS[[0, 2]])
    assert torch.nn.functional.cosine_similarity(rows[[5, 9]], known).min() > 0.9999
    assert rows[[5, 9]].square().mean().sqrt().item() == pytest.approx(before.std().item(), rel=1e-4)
    others = [row for row in range(400) if row not in (5, 9)]
    assert torch.equal(rows[others], before[others])


def test_tokens_are_matched_by_their_text(tokenizer) -> None:
    texts = token_texts(tokenizer)
    assert texts
    assert not {tokenizer.eos_token, "", " "} & texts.keys()
    for word, id in list(texts.items())[:50]:
        assert tokenizer.decode([id]).strip() == word


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "first line"),
        (b"\x80\x04\x95 pickled", "first line"),
        (b"2 3\nthe 1 2 3\nof 1 2\n", "line 3"),
        (b"2 2\nthe nan 1\n", "not finite"),
        (b"2 4\nthe \x00\x00\x00\x00", "ends within"),
        (b"3 2\nthe " + bytes(8), "ends, or has no word"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "vectors.bin"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_vectors(path, {"the": 0, "of": 1})


def test_other_widths_and_weights_that_exist_are_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = build_model(LSTMConfig(hidden=8, embedding=16), 10)
    with pytest.raises(UserError, match="vectors of 6 numbers, and the model's embeddings have 16"):
        check_width(model, text(tmp_path / "v.txt"))
    (problem,) = PretrainConfig(init="demo", vectors="v.txt").problems()
    assert "pretrain.init names weights" in problem
