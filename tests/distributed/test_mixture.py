"""A mixture of experts under every strategy: real processes over gloo, in which many experts get no token."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.distributed.test_strategies import train

pytestmark = pytest.mark.distributed
# The balance loss is of what one process reads at a time, so that it depends on how many there are.
MIXTURE = [
    "model.layout=qwen3",
    "model.experts=48",
    "model.expert_mlp=16",
    "model.balance_loss=0",
    "model.router_z_loss=0.1",
    "trainer.steps=6",
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Path:
    return train(tmp_path_factory.mktemp("alone"), shards, *MIXTURE)


@pytest.mark.parametrize("strategy", ["ddp", "zero3"])
def test_two_processes_train_like_one(strategy: str, alone: Path, tmp_path: Path, shards: Path) -> None:
    words = [f"strategy={strategy}", "trainer.devices=2", "trainer.micro_batch=1"]
    together = train(tmp_path, shards, *MIXTURE, *words)
    rows, others = read_metrics(alone), read_metrics(together)
    assert len(rows) == len(others) == 6
    for row, other in zip(rows, others, strict=True):
        assert other["train/loss"] == pytest.approx(row["train/loss"], rel=1e-4)
        assert other["train/grad_norm"] == pytest.approx(row["train/grad_norm"], rel=1e-3)
        assert other["train/auxiliary_loss"] == pytest.approx(row["train/auxiliary_loss"], rel=1e-3)
        assert 1 / 48 < row["train/fullest_expert"] < 1
    weights, theirs = (load_file(folder / "model" / "model.safetensors") for folder in (alone, together))
    for name, weight in weights.items():
        torch.testing.assert_close(weight, theirs[name], atol=2e-4, rtol=1e-3)
