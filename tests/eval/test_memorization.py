"""How much of its training text a model recites: of one that has learned some of it by heart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from eval.language_model.memorization import count_occurrences, draw_passages, memorization_results
from eval.reporting.result_table import result_tables
from eval.results import Bootstrap
from pipeline.config.evaluation import EvaluateConfig
from pipeline.errors import UserError
from pipeline.formats.shards import ShardFile, ShardIndex, ShardWriter, TokenStream
from train.models import LanguageModel

EOS, VOCABULARY, LENGTH, COPIES = 0, 50, 24, 12
SETTINGS = {"prefixes": 60, "prefix_tokens": 8, "tokens": 6}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of random tokens; two of the training split stand there many times, and a piece within others."""
    folder, draw = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    files: dict[str, list[ShardFile]] = {}
    for split in ("train", "test"):
        documents = list(draw.integers(1, VOCABULARY, (16, LENGTH)))
        if split == "train":
            documents += [documents[0], documents[1]] * (COPIES - 1) + [documents[2][:5]]
        with ShardWriter(folder, f"{split}-00000", np.dtype("<u2")) as writer:
            for document in documents:
                writer.write(np.append(document, EOS))
        files[split] = [writer.file]
    ShardIndex("<u2", VOCABULARY, EOS, "", files).save(folder)
    return folder


@pytest.fixture(scope="module")
def model(shards: Path, tiny_model: Callable[..., LanguageModel]) -> LanguageModel:
    """Trained until it knows what stands there many times."""
    stream, model = TokenStream(shards, "train"), tiny_model(VOCABULARY, init_std=0.05)
    windows = np.lib.stride_tricks.sliding_window_view(stream.read(0, len(stream)), LENGTH)
    draw = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        ids = torch.from_numpy(windows[draw.integers(0, len(windows), 64)])
        loss = model(ids[:, :-1], ids[:, 1:])
        (loss.total / loss.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def test_the_share_is_that_of_a_reading_with_the_text_given(
    shards: Path, model: LanguageModel, make_context: Callable, tmp_path: Path
) -> None:
    """A passage is recited just where each of its tokens is the likeliest after those that stand there."""
    config = EvaluateConfig(memorization=SETTINGS)
    context = make_context(tmp_path / "out", shards=shards)
    results = memorization_results(model, config, Bootstrap(50, 0.95, 0), 3, context)
    found = {result.name: result.value for result in results}
    prefix, length = SETTINGS["prefix_tokens"], SETTINGS["prefix_tokens"] + SETTINGS["tokens"]
    for name, split in (("memorized", "train"), ("memorized_held_out", "test")):
        passages = torch.from_numpy(
            draw_passages(TokenStream(shards, split), SETTINGS["prefixes"], length, 3)
        )
        state = model.new_state(len(passages), length)
        with torch.no_grad():
            steps = [model.next_logits(passages[:, i : i + 1], state).argmax(-1) for i in range(length - 1)]
        right = torch.stack(steps, 1)[:, prefix - 1 :] == passages[:, prefix:]
        assert found[name] == pytest.approx(100 * right.all(1).double().mean().item())
    assert found["memorized_held_out"] == 0
    assert found["memorized_repeated"] > 80 > found["memorized_once"] + 20
    assert all(result.low <= result.value <= result.high for result in results)
    (held_out,) = [result for result in results if result.name == "memorized_held_out"]
    assert (held_out.low, held_out.high) == pytest.approx((0, 6.017), abs=0.01)  # none of 60: 3.84 / 63.84
    assert [table.title for table in result_tables(results)] == ["Memorized text"]


def test_passages_lie_within_documents_and_are_counted_as_they_stand(shards: Path) -> None:
    stream = TokenStream(shards, "train")
    passages = draw_passages(stream, 10_000, 20, seed=1)
    assert len(passages) == (16 + 2 * (COPIES - 1)) * (LENGTH - 20 + 1)
    assert EOS not in passages
    windows = np.lib.stride_tricks.sliding_window_view(stream.read(0, len(stream)), 20)
    expected = [int((windows == row).all(1).sum()) for row in passages]
    assert count_occurrences(stream, passages).tolist() == expected
    assert set(expected) == {1, COPIES}


def test_documents_that_are_too_short_are_told(shards: Path) -> None:
    with pytest.raises(UserError, match=f"no document of the train split has {LENGTH + 1} tokens"):
        draw_passages(TokenStream(shards, "train"), 5, LENGTH + 1, seed=0)
