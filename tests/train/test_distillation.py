"""Pretraining from a teacher: what is told, that it resumes bitwise, and that ranks do what one process does."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.tracking.tracker import read_metrics
from tests.train.mixture_worker import pretrain
from tests.warm.ranks import run_ranks
from train.checkpoints.manager import drop_after
from train.distillation import stored

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


def test_what_was_stored_teaches_as_the_teacher_does(
    mixture_inputs: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PIECE", 256)
    distill = {"teacher": str(teacher), "top_k": 8}
    pretrain(mixture_inputs, tmp_path / "live", distill=distill, **RUN)
    metrics = pretrain(mixture_inputs, tmp_path / "stored", distill=distill | {"cache": True}, **RUN)
    plain = pretrain(mixture_inputs, tmp_path / "plain", **RUN)
    assert metrics["flops"] == plain["flops"], "the teacher does not read along"
    live, cached = weights(tmp_path / "live"), weights(tmp_path / "stored")
    for name, tensor in live.items():
        torch.testing.assert_close(cached[name], tensor, atol=1e-5, rtol=1e-4)
    (folder,) = (mixture_inputs / "store/.teachers").iterdir()
    pieces = sorted(folder.iterdir())
    assert len(pieces) > 3
    written = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in pieces}
    # Another student learns of the same; what is damaged or missing is made again, and nothing else.
    pieces[1].write_bytes(written[pieces[1]][0][:-7])
    pieces[2].unlink()
    pretrain(mixture_inputs, tmp_path / "again", distill=distill | {"cache": True}, **RUN)
    assert sorted(folder.iterdir()) == pieces
    assert all(path.read_bytes() == content for path, (content, _) in written.items())
    made = [path for path, (_, time) in written.items() if path.stat().st_mtime_ns != time]
    assert made == pieces[1:3]
    shutil.rmtree(tmp_path / "again/model")
    drop_after(tmp_path / "again", 2)  # it resumes with what is stored
    pretrain(mixture_inputs, tmp_path / "again", distill=distill | {"cache": True}, **RUN)
    again = weights(tmp_path / "again")
    assert all(torch.equal(again[name], tensor) for name, tensor in cached.items())


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks_store_what_one_does(
    strategy: str, mixture_inputs: Path, teacher: Path, tmp_path: Path
) -> None:
    distill = {"teacher": str(teacher), "top_k": 8, "temperature": 1.5, "cache": True}
    store = mixture_inputs / "store/.teachers"
    shutil.rmtree(store, ignore_errors=True)
    pretrain(mixture_inputs, tmp_path / "alone", dropout=0.0, distill=distill, **RUN)
    (folder,) = store.iterdir()
    alone = [np.load(path) for path in sorted(folder.iterdir())]
    shutil.rmtree(store)
    more = json.dumps({"distill": distill, **RUN})
    run_ranks(
        2, "tests.train.mixture_worker", str(mixture_inputs), str(tmp_path / "two"), strategy, "0", more
    )
    for path, expected in zip(sorted(folder.iterdir()), alone, strict=True):
        found = np.load(path)
        assert np.allclose(found["log_probs"].astype(float), expected["log_probs"].astype(float), atol=0.01)
        assert (found["tokens"] == expected["tokens"]).mean() > 0.999
    for name, tensor in weights(tmp_path / "alone").items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], tensor, atol=1e-4, rtol=1e-3)


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
