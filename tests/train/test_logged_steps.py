"""What is logged beside a step is that step's own."""

from pathlib import Path

import pytest
import torch

from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.tracking.tracker import METRICS_FILE, read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import STEPS
from train.callbacks import log
from train.checkpoints.manager import drop_after
from train.memory.hardware import peak_flops


def test_what_is_logged_beside_a_step_is_that_steps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    guard_worker.train(tmp_path, "skip", bad_steps=())
    rows = read_metrics(tmp_path)
    assert not any("train/mfu" in row for row in rows), "nobody knows a CPU's peak"
    assert "tokens/s  ETA" in caplog.text
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    factors = [CosineSchedule().factor(step, STEPS) for step in range(STEPS)]
    assert [row["train/lr"] for row in rows] == pytest.approx([1e-2 * factor for factor in factors])
    assert [row["data/position"] for row in rows] == [4 * step for step in range(1, STEPS + 1)]
    assert [row["train/tokens"] for row in rows] == [48 * step for step in range(1, STEPS + 1)]
    recorded = read_jsonl(tmp_path / "data/rank-0.jsonl")
    assert [row["step"] for row in recorded] == list(range(1, STEPS + 1))


def test_the_share_of_a_known_peak_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The model of this training is said to take one operation for each token."""
    caplog.set_level("INFO")
    monkeypatch.setattr(log, "peak_flops", lambda device: 1e6)
    guard_worker.train(tmp_path, "skip", bad_steps=(), steps=1)
    (row,) = read_metrics(tmp_path)
    assert row["train/mfu"] == pytest.approx(row["train/tokens_per_second"] / 1e6)
    assert f"tokens/s  mfu {row['train/mfu']:.0%}  ETA" in caplog.text


def test_after_a_resume_each_point_is_the_mean_over_the_steps_since_the_last_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever process made them: the plot has no point of a single step among means of several."""
    caplog.set_level("INFO")
    settings = {"bad_steps": (), "log_every": 5, "checkpoint_every": 3, "keep_last": STEPS}
    guard_worker.train(tmp_path, "skip", **settings)
    whole = {row["step"]: row["train/loss"] for row in read_metrics(tmp_path)}
    assert list(whole) == [1, 5, 10, 15, 16]
    every = {row["step"]: row["loss"] for row in read_jsonl(tmp_path / "tables/losses.jsonl")}
    assert whole[10] == pytest.approx(sum(every[step] for step in range(6, 11)) / 5)
    drop_after(tmp_path, 9)
    (tmp_path / METRICS_FILE).unlink()
    guard_worker.train(tmp_path, "skip", **settings)
    resumed = {row["step"]: row["train/loss"] for row in read_metrics(tmp_path)}
    assert resumed == pytest.approx({step: loss for step, loss in whole.items() if step > 9})
    assert f"step     10/{STEPS}  loss {whole[10]:.4f}" in caplog.text


def test_the_first_step_after_a_resume_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"bad_steps": (), "log_every": 5, "checkpoint_every": 3, "keep_last": STEPS}
    guard_worker.train(tmp_path, "skip", **settings)
    drop_after(tmp_path, 6)
    every = {row["step"]: row["loss"] for row in read_jsonl(tmp_path / "tables/losses.jsonl")}
    caplog.set_level("INFO")
    guard_worker.train(tmp_path, "skip", **settings)
    mean = (every[6] + every[7]) / 2
    assert f"step      7/{STEPS}  loss {mean:.4f}  (since the last step that was logged)" in caplog.text


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 PCIe", 756e12), ("NVIDIA H100 80GB HBM3", 989e12), ("Quadro P1000", None)],
)
def test_peaks_are_those_of_the_data_sheets(monkeypatch: pytest.MonkeyPatch, name: str, peak: float) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda")) == peak
    assert peak_flops(torch.device("cpu")) is None
