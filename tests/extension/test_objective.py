"""An objective of a package outside the project, with a model that reads both sides, through all stages."""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.command_line import TINY, copy_data_stages, environment, kill_after_a_checkpoint
from tests.warm.process import run_warm

pytestmark = pytest.mark.e2e
CLOZE = [
    "plugins=[my_lab]",
    "corpus.max_mb=0.25",
    "objective=cloze",
    "model=bigru",
    "model.context=64",
    "optim=adamw",
    "optim.lr=0.02",
    "finetune=none",
    "tokenizer.special_tokens=['<|mask|>']",
    "trainer.epochs=3",
    "trainer.steps=null",
    "trainer.global_batch=128",
    "trainer.checkpoint_every=16",
    "trainer.deterministic=true",
]
WITHOUT_MODEL = [word for word in TINY if not word.startswith(("model.", "finetune."))]


def test_an_objective_goes_through_all_stages_and_resumes_bitwise(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    """Its masks are drawn anew in each epoch, and a kill in the second one changes nothing."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = pipeline(whole, *CLOZE, "stage=report", base=WITHOUT_MODEL)
    assert done.returncode == 0, done.stdout + done.stderr
    copy_data_stages(whole, killed)
    kill_after_a_checkpoint(killed, *CLOZE, base=WITHOUT_MODEL)
    resumed = pipeline(killed, *CLOZE, "stage=pretrain", base=WITHOUT_MODEL)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "continuing from step" in resumed.stdout
    expected, found = (
        load_file(folder / "runs/demo/pretrain/model/model.safetensors") for folder in (whole, killed)
    )
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)

    run = whole / "runs/demo"
    trained = json.loads((run / "pretrain/manifest.json").read_text())["metrics"]
    assert "validation_perplexity" not in trained
    assert trained["headline"] == f"validation loss {trained['validation_loss']:,.3f}"
    assert trained["best_validation_loss"] < math.log(400), "less than by guessing"
    (result,) = json.loads((run / "evaluate/results.json").read_text())
    assert (result["model"], result["name"], result["better"]) == ("pretrain", "cloze_loss", "lower")
    assert result["low"] < result["value"] < result["high"]
    assert result["value"] == pytest.approx(trained["validation_loss"], abs=0.5), "of the like text"
    report = (run / "report/report.html").read_text()
    card = (run / "export/model/README.md").read_text()
    lacks = "no perplexity: the objective `cloze` has none; no sample texts: the objective `cloze` has none"
    assert all(words in done.stdout for words in lacks.split("; "))
    assert lacks in report
    assert f"N{lacks[1:]}." in card
    assert "Loss per hidden token" in report
    assert "cloze, 15% of the tokens hidden" in card
    assert "has no class in transformers" in done.stdout
    exported = json.loads((run / "export/manifest.json").read_text())["metrics"]
    assert exported["max_logit_difference"] == 0
    asked = run_warm(environment(), "inference.sample", "model=demo", f"runs={whole / 'runs'}")
    assert asked.returncode == 2
    assert "demo writes no text: its model does not read from left to right" in asked.stderr


def test_an_objective_that_does_not_fit_is_refused_before_anything_runs(
    lab: Path, tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    told = pipeline(tmp_path, "plugins=[my_lab]", "objective=cloze", "data.packing=mask")
    assert told.returncode == 2
    assert "objective.name=cloze needs a model that reads what stands on both sides of a token" in told.stderr
    assert "model.family=decoder reads text from left to right" in told.stderr
    assert "bigru" in told.stderr
    assert "(causal)" in told.stderr
    assert (
        "data.packing=mask is nothing that objective.name=cloze knows; set it to concatenate" in told.stderr
    )
    assert not (tmp_path / "artifacts").exists()
    words = [*CLOZE, "tokenizer.special_tokens=[]", "stage=pretrain"]
    told = pipeline(tmp_path, *words, base=WITHOUT_MODEL)
    assert told.returncode == 2
    assert "objective.mask_token='<|mask|>' is no token of the tokenizer" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "artifacts/pretrain").exists()
