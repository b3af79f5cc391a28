"""Outliers among steps: which they are, and what becomes of them in a real training run."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config.training import LossGuardConfig
from pipeline.errors import Restart
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import BAD_STEPS, POISON, STEPS
from tests.warm.ranks import run_ranks
from train.checkpoints.files import Reader
from train.guards.loss_guard import LossGuard, SkippedData


def calm(guard: LossGuard, steps: int = 64) -> None:
    for step in range(steps):
        assert guard.judge(step, 3.0 + 0.05 * math.sin(step), 1.0 + 0.3 * math.cos(step)) is None


@pytest.mark.parametrize(
    ("loss", "norm", "words"),
    [
        (math.nan, 1.0, "the loss is nan"),
        (3.0, math.inf, "the gradient norm is inf"),
        (4.5, 1.0, "deviations above"),
        (3.0, 90.0, "times the usual"),
    ],
)
def test_what_is_out_of_line(loss: float, norm: float, words: str) -> None:
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    assert words in guard.judge(64, loss, norm)
    assert guard.judge(65, 3.0, 1.0) is None


def test_what_is_not() -> None:
    guard = LossGuard(LossGuardConfig())
    assert guard.judge(0, 11.0, 500.0) is None  # too early to tell
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    assert guard.judge(64, 2.0, 0.01) is None  # better than ever
    assert guard.judge(65, 3.3, 4.0) is None


def test_a_rejected_step_does_not_shift_what_is_usual_and_memory_survives() -> None:
    guard = LossGuard(LossGuardConfig())
    calm(guard)
    for step in range(64, 70):
        assert guard.judge(step, 50.0, 1.0) is not None
    again = LossGuard(LossGuardConfig())
    again.remember(guard.memory())
    assert again.rejected == list(range(64, 70))
    assert again.judge(70, 3.0, 1.0) is None
    assert again.rejected == []


def test_skipped_data_moves_what_comes_after(tmp_path: Path) -> None:
    SkippedData(tmp_path).add(at=10, steps=3)
    SkippedData(tmp_path).add(at=20, steps=2)
    skipped = SkippedData(tmp_path)
    assert [skipped.data_step(step) for step in (0, 9, 10, 19, 20)] == [0, 9, 13, 22, 25]


def on_two_ranks(folder: Path, action: str, strategy: str, bad_steps: Sequence[int] = BAD_STEPS) -> str:
    words = (str(folder), action, strategy, ",".join(map(str, bad_steps)))
    return run_ranks(2, "tests.train.guard_worker", *words)


def weights(folder: Path, step: int = STEPS) -> torch.Tensor:
    last = list_checkpoints(folder)[-1]
    assert last.step == step
    name = "decoder.model.embed_tokens.weight"
    return Reader(last).weights({name: torch.Size((50, 16))})[name]


@pytest.fixture(scope="module")
def skipping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skipping")
    guard_worker.train(folder, "skip")
    return folder


def test_a_poisoned_step_is_skipped_and_told_of(skipping: Path) -> None:
    assert weights(skipping).isfinite().all()
    last = list_checkpoints(skipping)[-1]
    assert last.optimizer_steps == STEPS - len(BAD_STEPS)
    rows = read_jsonl(skipping / "tables/out_of_line.jsonl")
    assert {row["step"] for row in rows} == {step + 1 for step in BAD_STEPS}
    assert all("nan" in row["reason"] for row in rows)
    assert sum(str(POISON) in row["text"].split() for row in rows) == len(BAD_STEPS)
    told = [row["step"] for row in read_metrics(skipping) if row.get("guard/out_of_line")]
    assert told == [step + 1 for step in BAD_STEPS]


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero1", "zero2", "zero3"])
def test_all_ranks_skip_together(skipping: Path, tmp_path: Path, strategy: str) -> None:
    on_two_ranks(tmp_path, "skip", strategy)
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS - len(BAD_STEPS)
    torch.testing.assert_close(weights(tmp_path), weights(skipping), atol=1e-5, rtol=1e-4)


def test_a_rollback_leaves_the_windows_out(tmp_path: Path) -> None:
    with pytest.raises(Restart, match="rollback") as told:
        guard_worker.train(tmp_path, "rollback")
    assert told.value.step == BAD_STEPS[0]
    assert list_checkpoints(tmp_path)[-1].step <= BAD_STEPS[0]
    assert SkippedData(tmp_path).rows == [{"at": BAD_STEPS[0], "steps": len(BAD_STEPS)}]
    (tmp_path / "data/rank-0.jsonl").rename(tmp_path / "before.jsonl")
    guard_worker.train(tmp_path, "rollback")
    assert weights(tmp_path).isfinite().all()
    assert list_checkpoints(tmp_path)[-1].optimizer_steps == STEPS
    seen = np.concatenate([row["windows"] for row in read_jsonl(tmp_path / "data/rank-0.jsonl")])
    assert not (guard_worker.Rows().ids[seen] == POISON).any()


@pytest.mark.distributed
def test_all_ranks_roll_back_together(tmp_path: Path) -> None:
    assert "rollback" in on_two_ranks(tmp_path, "rollback", "zero2")
    assert "rollback" not in on_two_ranks(tmp_path, "rollback", "zero2")
    assert weights(tmp_path).isfinite().all()
