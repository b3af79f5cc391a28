"""Held-out text in bytes, and the score of weights with another tokenizer than the run's."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config.objectives.causal import CausalConfig
from pipeline.formats.held_out import HeldOutText, read_held_out, together, write_held_out
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream
from pipeline.formats.tokenizers import TextEncoder, save_tokenizer, tokenizer_hash
from train.data.batches import TokenWindows, validation_shares
from train.held_out import OtherTokenizer, held_out_texts
from train.objectives import build_objective

LENGTH = 16
TEXTS = ["Some held-out text.", "语言模型预测下一个词。", "More."]


@pytest.fixture
def artifacts(tmp_path: Path, tokenizer) -> tuple[Path, Path]:
    """A tokenizer of bytes that is its own base, and shards whose last window ends with their last document."""
    made, shards = tmp_path / "made", tmp_path / "shards"
    save_tokenizer(tokenizer, made / "tokenizer")
    save_tokenizer(tokenizer, made / "base" / "tokenizer")
    encoder = TextEncoder(made)
    size = sum(len(text.encode()) + 1 for text in TEXTS)
    texts = [*TEXTS, "x" * (-size % LENGTH)]
    shards.mkdir()
    with ShardWriter(shards, "validation-00000", np.dtype("<u2")) as writer:
        for text in texts:
            writer.write(np.append(encoder.encode(text), np.uint32(encoder.eos_id)))
    index = ShardIndex(
        "<u2", encoder.vocab_size, encoder.eos_id, tokenizer_hash(made), {"validation": [writer.file]}
    )
    index.save(shards)
    return made, shards


def test_the_same_tokenizer_gives_the_loss_of_validation(
    artifacts: tuple[Path, Path], tokenizer, tiny_model: Callable
) -> None:
    made, shards = artifacts
    stream, model = TokenStream(shards, "validation"), tiny_model()
    examples = TokenWindows(stream, LENGTH)
    texts = held_out_texts({"": examples}, None, tokenizer)
    documents = int((stream.read(0, len(stream)) == stream.eos_id).sum())
    assert texts[""].tokens == len(stream) - 1
    assert texts[""].bytes == len(stream) - 1 - documents  # the first token is not predicted
    objective = build_objective(CausalConfig(), tokenizer, 0)
    batch = examples.collate(np.arange(len(examples)), np.arange(len(examples)))
    with torch.inference_mode():
        loss = objective.loss(model, batch)
    other = OtherTokenizer.of(made, LENGTH, on_gpu=False)
    found = other.score(model, objective, {"": stream}, texts)[""].base_bits_per_byte
    assert found == pytest.approx(float(loss.total) / math.log(2) / (texts[""].bytes + 1))
    assert texts[""].bits_per_byte(float(loss.total) / texts[""].tokens) == pytest.approx(
        float(loss.total) / math.log(2) / texts[""].bytes
    )


def test_a_base_whose_eos_is_new_to_the_model_is_not_scored(
    artifacts: tuple[Path, Path], tiny_model: Callable
) -> None:
    made, shards = artifacts
    other, text = OtherTokenizer.of(made, LENGTH, on_gpu=False), HeldOutText(4, 4)
    stream = TokenStream(shards, "validation")
    objective = build_objective(CausalConfig(), None, 0)
    assert other.score(tiny_model(260), objective, {"": stream}, {"": text}) == {"": text}


def test_parts_are_added_up_by_their_bytes(tmp_path: Path) -> None:
    parts = {"one": HeldOutText(10, 30, 2.0), "other": HeldOutText(5, 10, 4.0)}
    write_held_out(tmp_path, parts)
    assert read_held_out(tmp_path) == parts
    assert together(parts.values()) == HeldOutText(15, 40, 2.5)
    assert together([]) is None
    assert HeldOutText(10, 20).bits_per_byte(2 * math.log(2)) == pytest.approx(1)


def test_each_part_has_its_share_of_the_sequences() -> None:
    parts = {"one": range(30), "other": range(10), "last": range(1)}
    assert validation_shares(parts, 8) == {"one": 6, "other": 2, "last": 1}
    assert validation_shares(parts, None) == {"one": 30, "other": 10, "last": 1}
