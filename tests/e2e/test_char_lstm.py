"""The experiment `char_lstm_zh` in small: characters, an LSTM with attention, text that it writes on from 人工智能."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import run_pipeline

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
    manifest = json.loads((run / "shards" / "manifest.json").read_text())
    tokens = manifest["metrics"]
    assert tokens["train_tokens"] > 0
    rows = json.loads((run / "pretrain" / "model" / "model.json").read_text())
    assert rows["config"]["attention"] == 8
    assert "人工智能" in result.stdout + "".join(
        path.read_text(errors="ignore") for path in (run / "evaluate").rglob("*.json*")
    )
