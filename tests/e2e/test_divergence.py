"""A training run that diverges fails through the command line: one message, no artifact, nothing after it runs."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.command_line import TINY, copy_data_stages

pytestmark = pytest.mark.e2e


LSTM = ["model=lstm", "model.hidden=32", "model.embedding=32", "model.context=64", "optim.name=adamw"]


def test_a_diverged_model_is_not_evaluated(shards: Path, pipeline: Callable, tmp_path: Path) -> None:
    copy_data_stages(shards, tmp_path)
    base = [word for word in TINY if not word.startswith("model.")]
    result = pipeline(tmp_path, "stage=evaluate", *LSTM, "optim.lr=1e20", base=base)
    fails_once(result, tmp_path, "pretrain", "no step counts any more")


def test_nor_is_a_diverged_fine_tuned_one(shards: Path, pipeline: Callable, tmp_path: Path) -> None:
    copy_data_stages(shards, tmp_path)
    result = pipeline(tmp_path, "stage=evaluate", "finetune.optim.lr=1e38")
    fails_once(result, tmp_path, "finetune", "training has diverged")
    assert list(tmp_path.glob("artifacts/pretrain/*/manifest.json"))


def fails_once(result: CompletedProcess, folder: Path, stage: str, words: str) -> None:
    output = result.stdout + result.stderr
    assert result.returncode == 2, output
    assert words in output
    assert "Traceback" not in output
    assert "launching again" not in output
    assert not list(folder.glob(f"artifacts/{stage}/*/manifest.json"))
    assert not list(folder.glob("artifacts/evaluate/*"))
