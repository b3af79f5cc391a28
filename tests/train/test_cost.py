"""Forecast of a training's time, money and energy, and the counters that measure energy."""

import json
from pathlib import Path

import pytest
import torch

from pipeline.config.run import CostConfig
from pipeline.data_sheets import data_sheet
from train.cost.earlier_runs import Device, earlier_runs
from train.cost.forecast import CostForecast, Work, forecast_cost
from train.cost.power import power_meter, rapl_counter
from train.loop import step_seconds

WORK = Work(3.6e18, 1e9, devices=8, on_gpu=True, precision="bf16")
H100 = {"cpu": "A processor", "cores": 96, "gpus": ["NVIDIA H100 80GB HBM3"] * 8}


def write_run(store: Path, name: str, rate: float, stage: str = "pretrain", **metrics: float) -> None:
    """A training of 1e9 FLOPs per token on eight GPUs, at so many tokens per second."""
    folder = store / stage / f"{name}-0123"
    folder.mkdir(parents=True)
    trainer = {"accelerator": "gpu", "precision": "bf16", "nodes": 1}
    manifest = {
        "run": name,
        "ranks": 8,
        "hardware": H100,
        "config": {"trainer": trainer},
        "metrics": {"tokens": 1000, "flops": 1e12, "tokens_per_second": rate, **metrics},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def forecast(store: Path, stage: str = "pretrain", **settings: object) -> CostForecast:
    found = forecast_cost(WORK, earlier_runs(store, stage), CostConfig(**settings), None)
    assert isinstance(found, CostForecast), found
    return found


def test_without_an_earlier_run_a_share_of_the_peak_is_assumed_and_said(tmp_path: Path) -> None:
    found = forecast(tmp_path, device="h100", price=2.0)
    assert found.hours == pytest.approx(3.6e18 / (0.4 * 989e12 * 8) / 3600)
    facts = found.facts()
    assert "40% of the 989 TFLOP/s" in facts["speed"]
    assert facts["GPU-hours"] == f"{found.hours * 8:.3g}; at 2 an hour: {found.hours * 16:.2f}"
    assert "at 700 W" in facts["energy"]


def test_earlier_runs_of_the_store_tell_speed_and_power(tmp_path: Path) -> None:
    write_run(tmp_path, "first", rate=2_000_000, watts=500.0)
    write_run(tmp_path, "second", rate=4_000_000, watts=600.0)
    damaged = tmp_path / "pretrain" / "damaged-0123"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{")
    found = forecast(tmp_path, device="H100")
    assert found.hours == pytest.approx(1e9 * 3.6 / 3_000_000 / 3600)
    assert "as 2 earlier runs of pretrain had (first, second)" in found.speed
    assert found.metrics()["forecast_kwh"] == pytest.approx(found.hours * 8 * 0.55)
    assert "forecast_money" not in found.metrics()


def test_fine_tunings_tell_of_a_fine_tuning_and_pretrainings_where_there_is_none(tmp_path: Path) -> None:
    write_run(tmp_path, "first", rate=4_000_000)
    assert "as 1 earlier run of pretrain had (first)" in forecast(tmp_path, "finetune", device="H100").speed
    write_run(tmp_path, "talks", rate=2_000_000, stage="finetune")
    found = forecast(tmp_path, "finetune", device="H100")
    assert "as 1 earlier run of finetune had (talks)" in found.speed
    assert found.hours == pytest.approx(1e9 * 3.6 / 2_000_000 / 3600)
    assert "of pretrain had (first)" in forecast(tmp_path, device="H100").speed


def test_what_nobody_knows_is_told(tmp_path: Path) -> None:
    cpu = Device("2 cores of A processor", on_gpu=False)
    work = WORK._replace(on_gpu=False)
    assert "a short one tells" in str(forecast_cost(work, [], CostConfig(), cpu))
    assert "name the one it will run on" in str(forecast_cost(WORK, [], CostConfig(), None))


def test_a_gpu_is_known_by_its_whole_name() -> None:
    for name, sheet in {
        "NVIDIA H100 80GB HBM3": "H100",
        "NVIDIA H100 PCIe": "H100 PCIE",
        "NVIDIA GH200 480GB": "H200",
        "NVIDIA GeForce RTX 4090": "4090",
        "rtx4090": "4090",
        "NVIDIA A10G": None,
        "H1000": None,
    }.items():
        found = data_sheet(name)
        assert (found and found.name) == sheet, name


def test_the_power_of_a_gpu_without_a_data_sheet_is_of_a_gpu(tmp_path: Path) -> None:
    write_run(tmp_path, "first", rate=2_000_000)
    manifest = tmp_path / "pretrain" / "first-0123" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("NVIDIA H100 80GB HBM3", "NVIDIA A10G"))
    here = Device("NVIDIA A10G", on_gpu=True)
    found = forecast_cost(WORK, earlier_runs(tmp_path, "pretrain"), CostConfig(watts=150), here)
    assert isinstance(found, CostForecast)
    assert "150 W per GPU" in found.facts()["energy"]


def test_rapl_adds_up_processors_and_their_memory_past_the_end_of_a_counter(tmp_path: Path) -> None:
    def write(zone: str, name: str, microjoules: int) -> None:
        (tmp_path / zone).mkdir(exist_ok=True)
        (tmp_path / zone / "name").write_text(f"{name}\n")
        (tmp_path / zone / "max_energy_range_uj").write_text("9999999\n")
        (tmp_path / zone / "energy_uj").write_text(f"{microjoules}\n")

    write("intel-rapl:0", "package-0", 9_000_000)
    write("intel-rapl:0:0", "core", 100)  # a part of the package
    write("intel-rapl:0:1", "dram", 0)
    joules = rapl_counter(tmp_path)
    assert joules is not None
    write("intel-rapl:0", "package-0", 1_000_000)
    write("intel-rapl:0:0", "core", 5_000_000)
    write("intel-rapl:0:1", "dram", 500_000)
    assert joules() == pytest.approx(2.5)
    assert power_meter(torch.device("cpu"), tmp_path / "nothing") is None


def test_steps_take_the_time_of_each_window_of_the_log():
    rows = [
        {"step": 0, "validation/loss": 7.0},
        {"step": 1, "train/tokens": 100.0, "train/tokens_per_second": 50.0},
        {"step": 5, "validation/loss": 6.0},
        {"step": 10, "train/tokens": 1000.0, "train/tokens_per_second": 300.0},
    ]
    assert step_seconds(rows) == pytest.approx(2 + 3)
    assert step_seconds(rows[:1]) is None
