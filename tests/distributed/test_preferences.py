"""Training on preferences under every strategy: the reference, the margins and the weights of one process."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_jsonl, read_metrics
from tests.command_line import TINY

pytestmark = pytest.mark.distributed
STEPS = 8


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"prompt": f"Say {n}.", "chosen": f"Gladly: {n}", "rejected": f"No. {n}!"} for n in range(100, 180)
    ]
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory, pipeline: Callable) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    result = pipeline(folder, "stage=pretrain")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def settings(task: str, pairs: Path, *words: str) -> list[str]:
    return [
        *TINY,
        "stage=finetune",
        f"finetune={task}",
        f"finetune.data.train={pairs}",
        "finetune.data.validation=null",
        "finetune.data.test=null",
        "finetune.optim.lr=1e-3",
        f"finetune.trainer.steps={STEPS}",
        "finetune.trainer.global_batch=8",
        "finetune.trainer.log_every=1",
        "finetune.trainer.checkpoint_every=2",
        *words,
    ]


def tune(folder: Path, pretrained: Path, run: Callable, base: list[str]) -> Path:
    shutil.copytree(pretrained, folder, symlinks=True)
    result = run(folder, base=base)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "runs/demo/finetune"


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, pretrained: Path, pairs: Path, pipeline: Callable
) -> Callable[..., Path]:
    """A task's run in one process, made once."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*key: str) -> Path:
        if key not in made:
            folder = tmp_path_factory.mktemp("alone") / "run"
            made[key] = tune(folder, pretrained, pipeline, settings(key[0], pairs, *key[1:]))
        return made[key]

    return make


def same(expected: Path, found: Path) -> None:
    rows, others = read_metrics(expected), read_metrics(found)
    assert [row["step"] for row in others] == [row["step"] for row in rows] == list(range(1, STEPS + 1))
    for row, other in zip(rows, others, strict=True):
        for name in ("loss", "chosen_reward", "rejected_reward", "accuracy"):
            assert other[f"train/{name}"] == pytest.approx(row[f"train/{name}"], rel=2e-3, abs=2e-4), name
    for row, other in zip(read_jsonl(expected / "test.jsonl"), read_jsonl(found / "test.jsonl"), strict=True):
        assert other["reference"] == pytest.approx(row["reference"], rel=1e-4)
    weights, others = (load_file(folder / "model" / "model.safetensors") for folder in (expected, found))
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], atol=5e-4, rtol=1e-3)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero3"])
def test_dpo_on_two_ranks_is_dpo_on_one(
    strategy: str, alone: Callable, pretrained: Path, pairs: Path, tmp_path: Path, pipeline: Callable
) -> None:
    words = [f"strategy={strategy}", "finetune.trainer.devices=2", "finetune.trainer.micro_batch=2"]
    same(alone("dpo"), tune(tmp_path / "run", pretrained, pipeline, settings("dpo", pairs, *words)))


def test_kto_on_two_ranks_is_kto_on_one(
    alone: Callable, pretrained: Path, pairs: Path, tmp_path: Path, pipeline: Callable
) -> None:
    """How far the model has moved is a mean over all ranks."""
    words = ["strategy=zero3", "finetune.trainer.devices=2"]
    same(alone("kto"), tune(tmp_path / "run", pretrained, pipeline, settings("kto", pairs, *words)))


def test_adapters_on_two_ranks(
    alone: Callable, pretrained: Path, pairs: Path, tmp_path: Path, pipeline: Callable
) -> None:
    lora = ["finetune.lora.dropout=0"]
    words = ["strategy=fsdp", "finetune.trainer.devices=2"]
    same(
        alone("dpo", *lora),
        tune(tmp_path / "run", pretrained, pipeline, settings("dpo", pairs, *lora, *words)),
    )
