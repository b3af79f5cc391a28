"""A run that goes further than one in the store starts from its checkpoints, and ends as if it had not."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from safetensors.torch import load_file

from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_metrics
from tests.command_line import copy_data_stages

pytestmark = pytest.mark.e2e
WSD = (
    "schedule=wsd",
    "schedule.decay=0.5",
    "schedule.warmup=2",
    "trainer.checkpoint_every=2",
    "trainer.log_every=1",
)
CONSTANT = ("schedule=constant", "trainer.checkpoint_every=2", "trainer.log_every=1")


@pytest.fixture
def pretrain(shards: Path, pipeline: Callable, tmp_path: Path) -> Callable[..., CompletedProcess]:
    """Trains in a store of its own, of the given name, that holds the shards already."""

    def run(store: str, *words: str) -> CompletedProcess:
        if not (tmp_path / store).exists():
            copy_data_stages(shards, tmp_path / store)
        result = pipeline(tmp_path / store, "stage=pretrain", *words)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    return run


def test_a_longer_run_goes_on_where_the_rates_still_agree(pretrain: Callable, tmp_path: Path) -> None:
    pretrain("both", *WSD, "trainer.steps=8", "trainer.keep_every=2")  # decays from step 5 on
    result = pretrain("both", *WSD, "trainer.steps=12")
    assert "the first 4 steps are those of demo-" in result.stdout
    assert "continuing from step 4" in result.stdout
    pretrain("alone", *WSD, "trainer.steps=12")
    longer, alone = (tmp_path / store / "runs/demo/pretrain" for store in ("both", "alone"))
    weights = [load_file(run / "model/model.safetensors") for run in (longer, alone)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[1])
    losses, expected = _losses(longer), _losses(alone)
    assert losses.keys() == expected.keys() == set(range(1, 13))
    assert losses == expected
    assert json.loads((longer / "trunk.json").read_text())["step"] == 4
    assert json.loads((longer / "manifest.json").read_text())["outputs"]["trunk.json"]


def test_why_a_longer_run_starts_at_its_first_step_is_said(pretrain: Callable) -> None:
    pretrain("both", "schedule=cosine", "trainer.steps=4")
    result = pretrain("both", "schedule=cosine", "trainer.steps=6")
    said = "differs only in how far it goes, but its learning rate (schedule=cosine) is another one "
    assert said in result.stdout
    assert "this run starts at step 1" in result.stdout
    assert "continuing" not in result.stdout


def _losses(run: Path) -> dict[int, float]:
    return {row["step"]: row["train/loss"] for row in read_metrics(run) if "train/loss" in row}


def test_an_average_of_more_than_there_will_be_is_told_before_the_longer_run(
    pretrain: Callable, pipeline: Callable, tmp_path: Path
) -> None:
    """The checkpoints that the shorter run has kept are taken; what it has not kept is known before."""
    pretrain("both", *CONSTANT, "trainer.steps=8")  # keeps steps 6 and 8
    again = pretrain("both", *CONSTANT, "trainer.steps=8", "trainer.keep_last=9")
    assert "trainer.keep_last=9 (it had 2) would change which are kept" in again.stdout
    longer = (*CONSTANT, "trainer.steps=12", "trainer.keep_last=9", "finetune=none", "export.weights=average")
    refused = pipeline(tmp_path / "both", "stage=evaluate", *longer, "export.average_last=5")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "the training will keep 4: it goes on from step 8 of demo-" in refused.stderr
    assert "those of steps 6, 8; lower trainer.checkpoint_every (2)" in refused.stderr
    assert "continuing from" not in refused.stdout
    pretrain("both", *longer, "export.average_last=4")
    kept = list_checkpoints((tmp_path / "both/runs/demo/pretrain").resolve())
    assert [checkpoint.step for checkpoint in kept] == [6, 8, 10, 12]
