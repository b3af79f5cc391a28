"""The experiment `char_lstm_zh` in small: characters, an LSTM with attention, text that it writes on from 人工智能."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import environment, run_pipeline
from tests.warm.process import run_warm

pytestmark = pytest.mark.e2e
SMALL = ("trainer.steps=12", "trainer.sample_every=0", "trainer.validate_every=0", "trainer.threads=1")
SIZES = ("model.hidden=32", "model.embedding=24", "model.attention=8", "model.context=32")


def test_it_writes_on_in_chinese(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    dump = shared_data("wikidump") / "zh.mini.xml.bz2"
    words = [f"corpus.paths=[{dump}]", "evaluate.prompts=[人工智能]", "evaluate.decode.max_new_tokens=16"]
    base = ("experiment=char_lstm_zh",)
    result = run_pipeline(tmp_path, "stage=evaluate", *SMALL, *SIZES, *words, base=base)
    assert result.returncode == 0, result.stdout + result.stderr
    run = tmp_path / "runs" / "char_lstm_zh"
    counts = json.loads((run / "shards" / "manifest.json").read_text())["metrics"]
    held_out = counts["validation_tokens"] + counts["test_tokens"]
    assert 0 < held_out < counts["train_tokens"]
    assert json.loads((run / "pretrain" / "model" / "model.json").read_text())["model"]["attention"] == 8
    (sample,) = map(json.loads, (run / "evaluate" / "samples.jsonl").read_text(encoding="utf-8").splitlines())
    assert sample["prompt"] == "人工智能"
    assert sample["continuation"]
    words = ["model=char_lstm_zh", f"runs={tmp_path / 'runs'}", "temperature=0", "max_new_tokens=16"]
    asked = run_warm(environment(), "inference.sample", "人工智能", *words)
    assert sample["continuation"].removesuffix("…").strip() in asked.stdout, "greedily"
