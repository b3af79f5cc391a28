"""Span corruption with the encoder–decoder, through all stages: the same after a kill, and read by transformers."""

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
SPANS = [
    "corpus.max_mb=0.25",
    "objective=span_corruption",
    "model=t5_tiny",
    "tokenizer.sentinels=8",
    "optim.lr=0.01",
    "finetune=none",
    "trainer.epochs=3",
    "trainer.steps=null",
    "trainer.global_batch=64",
    "trainer.checkpoint_every=16",
    "trainer.deterministic=true",
    "trainer.sample_every=16",
    "trainer.sample_prompts=['Return the <extra_id_0> of the <extra_id_1>.', 'Return the']",
    "evaluate.prompts=['Return the <extra_id_0> of the file.']",
]
BASE = [word for word in TINY if not word.startswith("finetune.")]


def test_span_corruption_goes_through_all_stages_and_resumes_bitwise(
    tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    """Other spans are missing in each epoch, and a kill in the second one changes nothing."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = pipeline(whole, *SPANS, "stage=report", base=BASE)
    assert done.returncode == 0, done.stdout + done.stderr
    copy_data_stages(whole, killed)
    kill_after_a_checkpoint(killed, *SPANS, base=BASE)
    resumed = pipeline(killed, *SPANS, "stage=pretrain", base=BASE)
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
    assert trained["best_validation_loss"] < math.log(400), "less than by guessing"
    (result,) = json.loads((run / "evaluate/results.json").read_text())
    assert (result["model"], result["name"], result["better"]) == ("pretrain", "span_loss", "lower")
    assert result["low"] < result["value"] < result["high"]
    assert result["value"] == pytest.approx(trained["validation_loss"], abs=0.5), "of the like text"
    assert "no perplexity: the objective `span_corruption` has none" in done.stdout
    assert "→" in done.stdout, "samples"
    exported = json.loads((run / "export/manifest.json").read_text())["metrics"]
    assert exported["format"] == "T5ForConditionalGeneration"
    assert exported["max_logit_difference"] < 1e-3
    card = (run / "export/model/README.md").read_text()
    assert "AutoModelForSeq2SeqLM" in card
    assert "span corruption, 15% of the tokens missing in spans of 3" in card
    asked = run_warm(environment(), "inference.sample", "The", "model=demo", f"runs={whole / 'runs'}")
    assert asked.returncode == 0, asked.stderr


def test_too_few_sentinels_are_told_before_training(
    tmp_path: Path, pipeline: Callable[..., subprocess.CompletedProcess]
) -> None:
    told = pipeline(tmp_path, *SPANS, "tokenizer.sentinels=2", "stage=pretrain", base=BASE)
    assert told.returncode == 2
    assert "needs 3 sentinels (<extra_id_0>, …) for sequences of 64 tokens" in told.stderr
    assert "set tokenizer.sentinels=3" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "artifacts/pretrain").exists()
    told = pipeline(tmp_path, "objective=span_corruption", base=BASE)
    assert told.returncode == 2
    assert "needs a model that reads one text as a whole and writes another" in told.stderr
    assert "encoder_decoder" in told.stderr
