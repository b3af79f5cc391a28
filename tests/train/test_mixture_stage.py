"""The pretrain stage on two parts of a corpus, packed and in two phases: killed, resumed and on two ranks."""

import json
import logging
import time
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.config.data import DataConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.formats.shards import TokenStream
from pipeline.tracking.tracker import read_metrics
from tests.command_line import environment
from tests.train.mixture_worker import BATCH, LENGTH, STEPS, pretrain
from tests.warm.process import WarmProcess
from tests.warm.ranks import run_ranks
from train.data.packing import PackedDocuments


@pytest.fixture(scope="module")
def whole(mixture_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, from the first step to the last."""
    folder = tmp_path_factory.mktemp("whole")
    pretrain(mixture_inputs, folder)
    return folder


def windows(folder: Path) -> dict[int, list[int]]:
    """Of every step, over all ranks; a step that was done again must have read the same."""
    found: dict[int, dict[str, list[int]]] = {}
    for path in sorted((folder / "data").glob("rank-*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            of_step = found.setdefault(row["step"], {})
            assert of_step.setdefault(path.name, row["windows"]) == row["windows"]
    return {step: sorted(chain.from_iterable(ranks.values())) for step, ranks in found.items()}


def losses(folder: Path) -> list[float]:
    return [row["train/loss"] for row in read_metrics(folder)]


def test_the_phases_read_the_parts_as_they_say(mixture_inputs: Path, whole: Path) -> None:
    long = len(PackedDocuments(TokenStream(mixture_inputs / "shards", "train", "long"), LENGTH))
    seen = windows(whole)
    assert sorted(seen) == list(range(1, STEPS + 1))
    assert all(len(step) == BATCH for step in seen.values())
    for step in range(1, STEPS // 2 + 1):
        assert np.count_nonzero(np.array(seen[step]) < long) == 3
    for step in range(STEPS // 2 + 1, STEPS + 1):
        assert min(seen[step]) >= long
    first_phase = [w for step in range(1, STEPS // 2 + 1) for w in seen[step] if w < long]
    assert len(set(first_phase)) == min(len(first_phase), long)


def test_the_loss_of_each_part_is_kept(whole: Path) -> None:
    last = read_metrics(whole)[-1]
    parts = [last["validation/long_loss"], last["validation/short_loss"]]
    assert min(parts) < last["validation/loss"] < max(parts)


def test_from_other_weights_each_part_is_measured_before_the_first_step(
    mixture_inputs: Path, whole: Path, tmp_path: Path
) -> None:
    metrics = pretrain(mixture_inputs, tmp_path / "more", init=whole, steps=2)
    last, first = read_metrics(whole)[-1], read_metrics(tmp_path / "more")[0]
    names = ("validation/loss", "validation/long_loss", "validation/short_loss")
    assert first["step"] == 0
    assert [first[name] for name in names] == [last[name] for name in names]
    assert metrics["initial_validation_loss"] == last["validation/loss"] != metrics["validation_loss"]
    assert json.loads((tmp_path / "more" / "initial.json").read_text())["name"] == whole.name


def test_with_no_steps_the_model_is_made_of_the_weights_as_they_are(
    mixture_inputs: Path, whole: Path, tmp_path: Path
) -> None:
    metrics = pretrain(mixture_inputs, tmp_path / "same", init=whole, steps=0)
    weights = [load_file(folder / "model/model.safetensors") for folder in (whole, tmp_path / "same")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert metrics["headline"] == f"the weights of {whole.name}, not trained"


def test_killed_and_resumed_it_ends_bitwise_the_same(
    mixture_inputs: Path, whole: Path, tmp_path: Path
) -> None:
    words = ("tests.train.mixture_worker", str(mixture_inputs), str(tmp_path), "single", "0.1")
    for least in (5, 25):  # in either phase
        process = WarmProcess(environment(), (0, 1, 2), *words)
        while process.poll() is None and newest(tmp_path) < least:
            time.sleep(0.005)
        process.kill()
        assert newest(tmp_path) < STEPS, "training was over before the kill; it must be made longer"
    pretrain(mixture_inputs, tmp_path)
    assert losses(tmp_path) == losses(whole)
    assert windows(tmp_path) == windows(whole)
    ours, theirs = (load_file(folder / "model/model.safetensors") for folder in (tmp_path, whole))
    for name in theirs:
        assert torch.equal(ours[name], theirs[name]), name


def newest(folder: Path) -> int:
    try:
        return max((checkpoint.step for checkpoint in list_checkpoints(folder)), default=0)
    except FileNotFoundError:  # it was being pruned
        return newest(folder)


@pytest.mark.distributed
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_ranks_read_the_same_and_learn_the_same(
    mixture_inputs: Path, tmp_path: Path, strategy: str
) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    pretrain(mixture_inputs, alone, dropout=0.0, checkpoint_every=0)
    run_ranks(2, "tests.train.mixture_worker", str(mixture_inputs), str(together), strategy, "0")
    assert windows(together) == windows(alone)
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4)
    for name in ("validation/loss", "validation/long_loss", "validation/short_loss"):
        ours, theirs = (read_metrics(folder)[-1][name] for folder in (together, alone))
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_one_epoch_is_all_budgets_once(
    mixture_inputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    data = DataConfig(tokens={"long": 20 * LENGTH, "short": 12 * LENGTH})
    result = pretrain(
        mixture_inputs, tmp_path, data, steps=None, epochs=1, checkpoint_every=0, validate_every=0
    )
    assert result["steps"] == 8
    assert "1.00 epochs" in caplog.text
    assert "part long:" in caplog.text
    assert "62.5% of training" in caplog.text


def test_a_part_that_there_is_not_is_the_users_mistake(mixture_inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="data names shrot, of which there is no training document; there are some of long, short",
    ):
        pretrain(mixture_inputs, tmp_path, DataConfig(weights={"long": 1, "shrot": 2}))
