"""What is logged beside a step is that step's own."""

from pathlib import Path

import pytest
import torch

from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.train import guard_worker
from tests.train.guard_worker import STEPS
from train.callbacks import log
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


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 PCIe", 756e12), ("NVIDIA H100 80GB HBM3", 989e12), ("Quadro P1000", None)],
)
def test_peaks_are_those_of_the_data_sheets(monkeypatch: pytest.MonkeyPatch, name: str, peak: float) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(torch.device("cuda")) == peak
    assert peak_flops(torch.device("cpu")) is None
