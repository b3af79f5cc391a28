"""What is logged beside a step is that step's own."""

from pathlib import Path

import pytest

from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import STEPS


def test_what_is_logged_beside_a_step_is_that_steps(tmp_path: Path) -> None:
    guard_worker.train(tmp_path, "skip", bad_steps=())
    rows = read_metrics(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    factors = [CosineSchedule().factor(step, STEPS) for step in range(STEPS)]
    assert [row["train/lr"] for row in rows] == pytest.approx([1e-2 * factor for factor in factors])
    assert [row["data/position"] for row in rows] == [4 * step for step in range(1, STEPS + 1)]
    assert [row["train/tokens"] for row in rows] == [48 * step for step in range(1, STEPS + 1)]
    recorded = read_jsonl(tmp_path / "data/rank-0.jsonl")
    assert [row["step"] for row in recorded] == list(range(1, STEPS + 1))
