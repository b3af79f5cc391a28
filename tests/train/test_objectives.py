"""Objectives: what is drawn at random follows from seed and sample number, and what does not fit is told at once."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.config.data import DataConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.tasks.instruct import InstructConfig
from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from train.checkpoints.final_model import described_objective, save_model
from train.data.batches import Batch, Concatenation, Examples, MicroBatches, TrainSamples, ValidationSamples
from train.data.order import SampleOrder
from train.finetuning.task import task_of
from train.models import IGNORE_INDEX, build_model
from train.objectives import build_objective
from train.objectives.draws import generator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MASK = 499


class HalfHidden:
    """12 rows of 8 numbers, half of which are hidden; which ones follows from the sample."""

    def __len__(self) -> int:
        return 12

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return 1 + samples % 3

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        inputs = indices[:, None] * 8 + np.arange(8)
        labels = np.full_like(inputs, IGNORE_INDEX)
        for row, (sample, count) in enumerate(
            zip(samples, self.target_counts(indices, samples), strict=True)
        ):
            places = generator(5, int(sample)).permutation(8)[:count]
            labels[row, places] = inputs[row, places]
            inputs[row, places] = MASK
        return {"input_ids": torch.from_numpy(inputs), "labels": torch.from_numpy(labels)}


def batches(
    examples: Examples, rank: int, ranks: int, accumulation: int, start: int, steps: int
) -> list[Batch]:
    samples = TrainSamples(examples, SampleOrder(len(examples), 1), 12, accumulation, ranks)
    numbers = MicroBatches(12, accumulation, rank, ranks, steps=steps, start=start)
    return [samples.__getitems__(part) for part in numbers]


def rows(found: list[Batch]) -> list[tuple]:
    """All rows with their labels, sorted."""
    return sorted(
        (tuple(ids), tuple(labels))
        for batch in found
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True)
    )


@pytest.mark.parametrize(("ranks", "accumulation"), [(1, 3), (2, 1), (3, 2)])
def test_ranks_and_parts_draw_what_one_process_draws(ranks: int, accumulation: int) -> None:
    whole = rows(batches(HalfHidden(), 0, 1, 1, 0, 2))
    split = [
        batch for rank in range(ranks) for batch in batches(HalfHidden(), rank, ranks, accumulation, 0, 2)
    ]
    assert rows(split) == whole


def test_each_epoch_draws_anew_and_a_resume_draws_the_same() -> None:
    first, second = batches(HalfHidden(), 0, 1, 1, 0, 2)  # an epoch each
    hidden = [{int(w): tuple(row) for w, row in zip(b["windows"], b["labels"].tolist(), strict=True)}
              for b in (first, second)]  # fmt: skip
    assert hidden[0].keys() == hidden[1].keys()
    assert sum(hidden[0][window] != hidden[1][window] for window in hidden[0]) > 6
    (resumed,) = batches(HalfHidden(), 0, 1, 1, 1, 2)
    assert rows([resumed]) == rows([second])


def test_the_mean_counts_what_was_drawn_over_all_parts() -> None:
    """Each label of window w costs w: the mean over the parts is the mean over the labels of the global batch."""

    def costs(batch: Batch) -> Tensor:
        return (batch["windows"][:, None] * (batch["labels"] != IGNORE_INDEX)).sum()

    (whole,) = batches(HalfHidden(), 0, 1, 1, 0, 1)
    expected = float(costs(whole) / (whole["labels"] != IGNORE_INDEX).sum())
    parts = [b for rank in range(2) for b in batches(HalfHidden(), rank, 2, 3, 0, 1)]
    assert np.mean([float(costs(b) * b["loss_scale"]) for b in parts]) == pytest.approx(expected)


def test_parts_of_a_corpus_are_drawn_by_their_own_samples() -> None:
    both = Concatenation([HalfHidden(), HalfHidden()])
    indices, samples = np.array([3, 15, 4]), np.array([70, 71, 72])
    batch = both.collate(indices, samples)
    for row, (index, sample) in enumerate(zip(indices % 12, samples, strict=True)):
        alone = HalfHidden().collate(np.array([index]), np.array([sample]))
        assert batch["labels"][row].tolist() == alone["labels"][0].tolist()
    assert both.target_counts(indices, samples).tolist() == (1 + samples % 3).tolist()


def test_validation_draws_the_same_each_time() -> None:
    samples = ValidationSamples(HalfHidden(), None, 4, 0, 1)
    twice = [samples[number]["labels"].tolist() for number in (1, 1)]
    assert twice[0] == twice[1] == HalfHidden().collate(np.arange(4, 8), np.arange(4, 8))["labels"].tolist()


def test_draws_depend_on_seed_and_sample_alone() -> None:
    assert generator(1, 2).integers(0, 1000, 5).tolist() == generator(1, 2).integers(0, 1000, 5).tolist()
    others = {
        tuple(generator(s, n).integers(0, 1000, 5)) for s, n in [(1, 2), (2, 1), (1, 3), (-1, 2), (2**70, 2)]
    }
    assert len(others) == 5


def test_causal_labels_are_the_next_tokens(tmp_path: Path, tokenizer: "PreTrainedTokenizerFast") -> None:
    with ShardWriter(tmp_path, "train-00000", token_dtype(500)) as writer:
        writer.write(np.arange(41))
    ShardIndex("<u2", 500, 0, "hash", {"train": [writer.file]}).save(tmp_path)
    objective = build_objective(CausalConfig(), tokenizer, seed=1)
    examples = objective.examples(TokenStream(tmp_path, "train"), DataConfig(), 8)
    assert len(examples) == objective.config.examples_in(41, 8) == 5
    batch = examples.collate(np.array([4]), np.array([0]))
    assert batch["labels"][0].tolist() == [*range(33, 41)]
    model = build_model(DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=8), 500)
    with torch.no_grad():
        whole = objective.loss(model, examples.collate(np.arange(3), np.arange(3)))
        each = objective.example_losses(model, examples.collate(np.arange(3), np.arange(3)))
    assert [int(loss.tokens) for loss in each] == [8, 8, 8]
    assert sum(float(loss.total) for loss in each) == pytest.approx(float(whole.total), rel=1e-5)


@pytest.mark.parametrize("model", [DecoderConfig(), LSTMConfig()])
def test_models_that_read_from_left_to_right_learn_causally(model: DecoderConfig | LSTMConfig) -> None:
    assert list(CausalConfig().misfits(model, DataConfig(packing="best_fit"))) == []


def test_what_does_not_read_from_left_to_right_neither_learns_causally_nor_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DecoderConfig, "readings", ("bidirectional",))
    (problem,) = CausalConfig().misfits(DecoderConfig(), DataConfig())
    assert problem.startswith("objective.name=causal needs a model that reads text from left to right, and ")
    assert "model.family=decoder reads what stands on both sides of a token" in problem
    assert "choose a family that fits the objective (hf, lstm)" in problem
    with pytest.raises(
        UserError, match=r"reads text from left to right, and the model \(model.family=decoder\)"
    ):
        task_of(InstructConfig).check_base(DecoderConfig(), "the model")


def test_a_models_objective_is_kept_with_it(tmp_path: Path) -> None:
    config = DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=8)
    save_model(tmp_path / "one", build_model(config, 20).state_dict(), config, 20)
    assert described_objective(tmp_path / "one") == CausalConfig()
    save_model(
        tmp_path / "two", build_model(config, 20).state_dict(), config, 20, objective={"name": "unheard of"}
    )
    with pytest.raises(UserError, match="describes no objective"):
        described_objective(tmp_path / "two")
