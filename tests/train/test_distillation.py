"""Pretraining from a teacher: what is told, that it resumes bitwise, and that ranks do what one process does."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.train.mixture_worker import pretrain
from tests.warm.ranks import run_ranks
from train.checkpoints.manager import drop_after

RUN: dict[str, Any] = {"steps": 6, "validate_every": 3, "record_data": False, "keep_last": 6}


@pytest.fixture(scope="module")
def teacher(mixture_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    pretrain(mixture_inputs, folder, **RUN | {"steps": 20})
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def test_it_resumes_bitwise_and_tells_both_losses(
    mixture_inputs: Path, teacher: Path, tmp_path: Path
) -> None:
    distill = {"teacher": str(teacher), "weight": 0.7}
    folder, resumed = tmp_path / "whole", tmp_path / "resumed"
    before = weights(teacher)
    metrics = pretrain(mixture_inputs, folder, distill=distill, **RUN)
    plain = pretrain(mixture_inputs, tmp_path / "plain", **RUN)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(teacher).items())
    taught = weights(folder)
    assert any(not torch.equal(taught[name], tensor) for name, tensor in weights(tmp_path / "plain").items())
    # The teacher's forward pass is a third of the student's training, since both are of one size.
    assert metrics["flops"] == pytest.approx(plain["flops"] * 4 / 3)

    rows, untaught = read_metrics(folder), read_metrics(tmp_path / "plain")
    first = next(row for row in rows if row["step"] == 1)
    # Before the first step both students are the same: so is the loss on the text.
    assert first["train/loss"] == next(row for row in untaught if row["step"] == 1)["train/loss"]
    assert first["train/distillation_loss"] > 0
    assert not any("validation/distillation_loss" in row for row in rows)

    shutil.copytree(folder, resumed)
    shutil.rmtree(resumed / "model")
    drop_after(resumed, 2)
    pretrain(mixture_inputs, resumed, distill=distill, **RUN)
    again = weights(resumed)
    assert all(torch.equal(again[name], tensor) for name, tensor in taught.items())


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "zero1", "zero2", "zero3"])
def test_two_ranks_learn_what_one_does(
    strategy: str, mixture_inputs: Path, teacher: Path, tmp_path: Path
) -> None:
    distill = {"teacher": str(teacher), "weight": 0.7}
    pretrain(mixture_inputs, tmp_path / "alone", dropout=0.0, distill=distill, **RUN)
    more = json.dumps({"distill": distill, **RUN})
    run_ranks(
        2, "tests.train.mixture_worker", str(mixture_inputs), str(tmp_path / "two"), strategy, "0", more
    )
    expected, found = weights(tmp_path / "alone"), weights(tmp_path / "two")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-4, rtol=1e-3)
