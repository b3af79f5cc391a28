"""Training that goes on from another run's checkpoint: with its state, it ends as that run did."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.command_line import TINY, copy_data_stages

pytestmark = pytest.mark.e2e
CONTINUED = [word for word in TINY if not word.startswith("tokenizer.")]
"""The tokenizer is that of the weights."""


def test_with_its_state_a_checkpoint_leads_to_the_same_end(
    shards: Path, pipeline: Callable, tmp_path: Path
) -> None:
    copy_data_stages(shards, tmp_path)
    steps = ("stage=pretrain", "trainer.steps=8", "trainer.log_every=1")
    first = pipeline(tmp_path, *steps, "run.name=base")
    assert first.returncode == 0, first.stdout + first.stderr
    init = ("run.name=more", "pretrain.init=base", "pretrain.step=4", "pretrain.with_state=true")
    second = pipeline(tmp_path, *steps, *init, base=CONTINUED)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "continuing from step 4" in second.stdout
    base, more = (tmp_path / f"runs/{name}/pretrain" for name in ("base", "more"))
    assert base.resolve() != more.resolve()
    weights = [load_file(run / "model/model.safetensors") for run in (base, more)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert json.loads((more / "initial.json").read_text())["name"] == f"{base.resolve().name}, step 4"
