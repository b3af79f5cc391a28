"""Every strategy trains like one process: real processes over gloo."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.command_line import copy_data_stages, run_pipeline

pytestmark = pytest.mark.distributed
STEPS = 20
SETTINGS = [
    "optim=adamw",
    "optim.lr=1e-3",
    f"trainer.steps={STEPS}",
    "trainer.log_every=1",
    "trainer.checkpoint_every=0",
]


def train(folder: Path, built: Path, *words: str) -> Path:
    """Pretrain in `folder` on the shards of `built`; gives the finished artifact."""
    copy_data_stages(built, folder)
    result = run_pipeline(folder, "stage=pretrain", *SETTINGS, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "runs/demo/pretrain"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Path:
    """One process, no accumulation."""
    return train(tmp_path_factory.mktemp("alone"), shards)


def same(expected: Path, found: Path) -> None:
    """The same loss curve, gradient norms and final weights, up to the order of fp32 sums."""
    rows, others = read_metrics(expected), read_metrics(found)
    assert [row["step"] for row in others] == [row["step"] for row in rows] == list(range(1, STEPS + 1))
    for row, other in zip(rows, others, strict=True):
        assert other["train/loss"] == pytest.approx(row["train/loss"], rel=1e-4)
        assert other["train/grad_norm"] == pytest.approx(row["train/grad_norm"], rel=1e-3)
    weights, others = (load_file(folder / "model" / "model.safetensors") for folder in (expected, found))
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], atol=2e-4, rtol=1e-3)


SHARDED = ["fsdp", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload"]


@pytest.mark.parametrize("strategy", ["ddp", *SHARDED])
def test_two_processes_with_accumulation_train_like_one(
    strategy: str, alone: Path, tmp_path: Path, shards: Path
) -> None:
    words = [f"strategy={strategy}", "trainer.devices=2", "trainer.micro_batch=1"]
    together = train(tmp_path, shards, *words)
    same(alone, together)
    assert json.loads((together / "manifest.json").read_text())["ranks"] == 2


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero2", "zero3"])
def test_four_processes_without_accumulation_train_like_one(
    strategy: str, alone: Path, tmp_path: Path, shards: Path
) -> None:
    same(alone, train(tmp_path, shards, f"strategy={strategy}", "trainer.devices=4"))


@pytest.mark.parametrize("strategy", ["fsdp", "zero3"])
def test_one_process_trains_like_one(strategy: str, alone: Path, tmp_path: Path, shards: Path) -> None:
    same(alone, train(tmp_path, shards, f"strategy={strategy}", "trainer.micro_batch=2"))


def test_untied_matrices_of_gpt2_are_spread_and_exported(
    tmp_path: Path, shards: Path, pipeline: Callable
) -> None:
    """The other layout, recomputed activations and bf16, up to the parity check of the export."""
    copy_data_stages(shards, tmp_path)
    model = ["model.layout=gpt2"]
    words = [
        "strategy=fsdp",
        "trainer.devices=2",
        "trainer.precision=bf16",
        "trainer.activation_checkpointing=true",
    ]
    result = pipeline(tmp_path, "stage=export", *SETTINGS, *model, "model.tie_embeddings=false", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "logits differ" in result.stdout


def test_a_deepspeed_file_of_ones_own(alone: Path, tmp_path: Path, shards: Path, pipeline: Callable) -> None:
    path = tmp_path / "ds.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": 2, "reduce_bucket_size": 4096}}))
    words = ["trainer.devices=2", f"strategy.deepspeed={path}"]
    same(alone, train(tmp_path / "right", shards, "strategy=zero2", *words))
    copy_data_stages(shards, tmp_path / "wrong")
    result = pipeline(tmp_path / "wrong", "stage=pretrain", *SETTINGS, "strategy=zero3", *words)
    assert result.returncode == 2
    assert "asks for ZeRO stage 2 and strategy=zero3 is stage 3" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
