"""Batches: what a step sees does not depend on how it is split, and its loss is a mean over its tokens."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from train.data.batches import MicroBatches, TokenWindows, TrainSamples, ValidationSamples, windows_over
from train.data.order import SampleOrder
from train.models import IGNORE_INDEX


@pytest.fixture
def windows(tmp_path: Path) -> TokenWindows:
    """50 windows of 8 tokens; window i holds the tokens 8i … 8i + 7."""
    with ShardWriter(tmp_path, "train-00000", token_dtype(500)) as writer:
        writer.write(np.arange(401))
    ShardIndex("<u2", 500, 0, "hash", {"train": [writer.file]}).save(tmp_path)
    return TokenWindows(TokenStream(tmp_path, "train"), 8)


def seen(windows: TokenWindows, step: int, accumulation: int, ranks: int) -> list[int]:
    """First token of every window that a step sees, over all ranks and micro-batches."""
    firsts = []
    for rank in range(ranks):
        samples = TrainSamples(windows, SampleOrder(len(windows), 1), 12, accumulation, ranks)
        batches = MicroBatches(12, accumulation, rank, ranks, steps=10, start=step)
        parts = iter(batches)
        for _ in range(accumulation):
            firsts += samples.__getitems__(next(parts))["input_ids"][:, 0].tolist()
    return sorted(firsts)


@pytest.mark.parametrize(("accumulation", "ranks"), [(2, 1), (3, 2), (1, 4), (2, 3)])
def test_a_step_sees_the_same_windows_however_it_is_split(
    windows: TokenWindows, accumulation: int, ranks: int
) -> None:
    for step in (0, 3, 7):
        assert seen(windows, step, accumulation, ranks) == seen(windows, step, 1, 1)


def test_the_order_is_drawn_once_for_all_parts_and_many_steps(windows: TokenWindows) -> None:
    drawn = []

    class Counted(SampleOrder):
        def items(self, samples: np.ndarray) -> np.ndarray:
            drawn.append(samples.tolist())
            return super().items(samples)

    samples = TrainSamples(windows, Counted(len(windows), 1), 12, 3, 2)
    for part in MicroBatches(12, 3, rank=1, ranks=2, steps=5):
        samples.__getitems__(part)
    (numbers,) = drawn
    assert numbers[:60] == list(range(60))


def test_a_step_sees_the_same_whichever_steps_came_before(windows: TokenWindows) -> None:
    order = SampleOrder(len(windows), 1)
    for size in (12, 700, 3000):  # of which many, some and one are drawn at once
        samples = TrainSamples(windows, order, size, 1, 1)
        for step in (0, 1, 2, 400, 7, 399):
            expected = order.items(np.arange(step * size, (step + 1) * size))
            assert (samples.window_ids(step) == expected).all()


def test_an_epoch_sees_every_window_once(windows: TokenWindows) -> None:
    samples = TrainSamples(windows, SampleOrder(len(windows), 1), 10, 1, 1)
    ids = np.concatenate([samples.window_ids(step) for step in range(5)])
    assert sorted(ids) == list(range(50))


def test_labels_are_the_next_tokens(windows: TokenWindows) -> None:
    batch = windows.collate(np.array([3]), np.array([0]))
    assert batch["input_ids"][0].tolist() == list(range(24, 32))
    assert batch["labels"][0].tolist() == list(range(25, 33))


class Uneven:
    """Examples with 1, 2, …, 12 target tokens."""

    def __len__(self) -> int:
        return 12

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return indices + 1

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> dict:
        labels = torch.full((len(indices), 12), IGNORE_INDEX)
        for row, index in enumerate(indices):
            labels[row, : index + 1] = int(index)
        return {"input_ids": torch.zeros_like(labels), "labels": labels}


@pytest.mark.parametrize(("accumulation", "ranks"), [(1, 1), (4, 1), (2, 3)])
def test_the_mean_over_parts_is_the_mean_over_the_global_batchs_tokens(accumulation: int, ranks: int) -> None:
    def loss(batch: dict) -> float:
        """Stands for a loss sum: every token of example i costs i."""
        return float(batch["labels"][batch["labels"] != IGNORE_INDEX].sum() * batch["loss_scale"])

    parts = []
    for rank in range(ranks):
        samples = TrainSamples(Uneven(), SampleOrder(12, 2), 12, accumulation, ranks)
        parts += [loss(samples.__getitems__(b)) for b in MicroBatches(12, accumulation, rank, ranks, steps=1)]
    tokens = np.arange(1, 13)
    assert np.mean(parts) == pytest.approx((tokens * np.arange(12)).sum() / tokens.sum())


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_validation_sees_each_example_once_and_all_ranks_take_as_many_batches(
    windows: TokenWindows, ranks: int
) -> None:
    datasets = [ValidationSamples(windows, 20, 4, rank, ranks) for rank in range(ranks)]
    assert len({len(dataset) for dataset in datasets}) == 1
    firsts = []
    for dataset in datasets:
        for number in range(len(dataset)):
            batch = dataset[number]
            firsts += batch["input_ids"][batch["labels"][:, 0] != IGNORE_INDEX, 0].tolist()
    assert sorted(firsts) == [8 * i for i in range(20)]


def test_a_split_shorter_than_one_sequence_is_the_users_mistake(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "train-00000", token_dtype(500)) as writer:
        writer.write(np.arange(5))
    ShardIndex("<u2", 500, 0, "hash", {"train": [writer.file]}).save(tmp_path)
    with pytest.raises(UserError, match="fewer than one sequence of 8"):
        TokenWindows(TokenStream(tmp_path, "train"), 8)


@pytest.mark.parametrize("size", [5, 6])  # as of windows that share nothing, and of those that share a label
def test_which_windows_hold_a_run_of_tokens(size: int) -> None:
    stride, count = 5, 4
    windows = [set(range(window * stride, window * stride + size)) for window in range(count)]
    for start in range(23):
        for stop in range(start + 1, 25):
            shared = {window: len(held & set(range(start, stop))) for window, held in enumerate(windows)}
            expected = {window: tokens for window, tokens in shared.items() if tokens}
            assert windows_over(start, stop, stride, size, count) == expected
