"""`extend_vocab_zh` in a small form: an English model gets tokens for Chinese, and what that changes is told."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.command_line import TINY, copy_data_stages

pytestmark = pytest.mark.e2e
EXTENDED = [
    *(
        word
        for word in TINY
        if not word.startswith(("experiment=", "tokenizer.", "corpus.", "model.", "finetune."))
    ),
    "experiment=extend_vocab_zh",
    "corpus.parts.docs.max_mb=0.6",
    "corpus.parts.docs.packages=[]",
    "tokenizer.add=200",
    "pretrain.new_rows_steps=4",
]


def test_an_english_model_gets_tokens_for_chinese(
    shards: Path, pipeline: Callable, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    chinese = shared_data("instruct/belle_eval_set.json")
    copy_data_stages(shards, tmp_path)
    first = pipeline(tmp_path, "stage=pretrain", "trainer.steps=8")
    assert first.returncode == 0, first.stdout + first.stderr
    words = ("stage=report", f"corpus.parts.zh.paths=[{chinese}]")
    told = pipeline(tmp_path, *words, "dryrun=true", base=EXTENDED)
    assert "600 token ids" in told.stdout, told.stdout + told.stderr
    second = pipeline(tmp_path, *words, base=EXTENDED)
    assert second.returncode == 0, second.stdout + second.stderr

    base, run = tmp_path / "runs/demo", tmp_path / "runs/extend_vocab_zh"
    rows = [
        json.loads(line)
        for line in (run / "tokenizer/tables/vocabulary_extension.jsonl").read_text().splitlines()
    ]
    by_part = {row["part"]: row for row in rows}
    assert by_part["zh"]["fertility"] < 0.7 * by_part["zh"]["base_fertility"]
    assert by_part["docs"]["kept"] > 0.99
    old, new = (load_file(each / "pretrain/model/model.safetensors") for each in (base, run))
    assert [len(tensors["model.embed_tokens.weight"]) for tensors in (old, new)] == [400, 600]
    held_out = json.loads((run / "pretrain/held_out.json").read_text())
    assert all(part["base_bits_per_byte"] > 1 for part in held_out.values())
    assert set(held_out) == {"docs", "zh"}
    page = (run / "report/report.html").read_text()
    assert "old tokens that stay" in page
    assert re.search("with the tokenizer that they had", page)
    assert (run / "export/model/tokenizer.json").is_file()
