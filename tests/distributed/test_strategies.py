"""Every strategy trains like one process: real processes over gloo, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking import read_metrics
from tests.command_line import copy_data_stages, kill_after_a_checkpoint

pytestmark = pytest.mark.distributed
SETTINGS = ["optim=adamw", "optim.lr=1e-3", "trainer.log_every=1", "trainer.checkpoint_every=0"]


def train(folder: Path, built: Path, run: Callable, *words: str) -> Path:
    """Pretrain in `folder` on the shards of `built`; gives the finished artifact."""
    copy_data_stages(built, folder)
    result = run(folder, "stage=pretrain", *SETTINGS, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "runs/demo/pretrain"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, shards: Path, pipeline: Callable) -> Path:
    """One process, no accumulation."""
    return train(tmp_path_factory.mktemp("alone"), shards, pipeline)


@pytest.mark.parametrize("strategy", ["ddp", "zero1", "zero2", "zero3"])
def test_two_processes_with_accumulation_train_like_one(
    strategy: str,
    alone: Path,
    tmp_path: Path,
    shards: Path,
    pipeline: Callable,
) -> None:
    together = train(
        tmp_path, shards, pipeline, f"strategy={strategy}", "trainer.devices=2", "trainer.micro_batch=1"
    )
    expected, found = read_metrics(alone), read_metrics(together)
    assert [row["step"] for row in found] == [row["step"] for row in expected] == list(range(1, 13))
    for row, other in zip(expected, found, strict=True):
        assert other["train/loss"] == pytest.approx(row["train/loss"], rel=1e-4)
        assert other["train/grad_norm"] == pytest.approx(row["train/grad_norm"], rel=1e-3)
    assert json.loads((together / "manifest.json").read_text())["ranks"] == 2
    weights, others = (load_file(folder / "model" / "model.safetensors") for folder in (alone, together))
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], atol=2e-4, rtol=1e-3)


def test_training_goes_on_with_other_ranks_and_accumulation(
    alone: Path, tmp_path: Path, shards: Path, pipeline: Callable
) -> None:
    copy_data_stages(shards, tmp_path)
    settings = [word for word in SETTINGS if "checkpoint" not in word]
    kill_after_a_checkpoint(tmp_path, *settings, "trainer.checkpoint_every=1")
    together = ["strategy=ddp", "trainer.devices=2", "trainer.micro_batch=1"]
    result = pipeline(tmp_path, "stage=pretrain", *settings, *together)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "continuing from step" in result.stdout
    expected, found = read_metrics(alone), read_metrics(tmp_path / "runs/demo/pretrain")
    losses, others = ([row["train/loss"] for row in rows] for rows in (expected, found))
    assert others == pytest.approx(losses, rel=1e-4)
