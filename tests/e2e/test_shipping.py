"""A tiny model, trained and handed on in every format, as the command line does it."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.command_line import TINY

pytestmark = pytest.mark.e2e

QUICK = ["finetune=none", "evaluate.ngram_baselines=false", "evaluate.prompts=[]", "model.layout=qwen3"]


def test_every_form_is_checked_and_told(pipeline: Callable, tmp_path: Path) -> None:
    """`quantize_sample` in a small form."""
    for package in ("gguf", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed (extras: gguf, onnx)")
    small = [word for word in TINY if not word.startswith(("experiment=", "finetune."))]
    ended = pipeline(tmp_path, "stage=report", *QUICK, base=["experiment=quantize_sample", *small])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = tmp_path / "runs" / "quantize_sample"
    table = json.loads((run / "export/forms.json").read_text())
    rows = {row["form"]: row for row in table["forms"]}
    exact, smaller = (
        ["gguf-f32", "onnx"],
        ["int4-32", "int8-dynamic", "int8-weights", "gguf-q8_0", "gguf-q4_0"],
    )
    assert set(rows) == {"fp32", *smaller, *exact}
    assert all(rows[name]["megabytes"] < rows["gguf-f32"]["megabytes"] for name in smaller)
    for row in rows.values():
        assert (run / "export/model" / row["file"]).exists()
        assert row["perplexity"] == pytest.approx(rows["fp32"]["perplexity"], rel=0.05)
    assert all("the same text" in rows[name]["gate"] for name in exact)
    if find_spec("cyllama"):  # llama.cpp itself has read them
        assert all("token ids" in rows[name]["gate"] for name in ("gguf-f32", "gguf-q8_0"))
    card, page = (run / "export/model/README.md").read_text(), (run / "report/report.html").read_text()
    assert all(f"| {name} |" in card and f"<td>{name}</td>" in page for name in rows)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export.formats=[gguf]"], "tokenizer.pattern=llama3, qwen2 or gpt2"),
        (["export.formats=[gguf, gguf]", "tokenizer.pattern=gpt2"], "names gguf-f16 twice"),
        (
            ["export.formats=[gguf]", "tokenizer.pattern=gpt2", "model=lstm", "optim=adamw"],
            "none of the layouts",
        ),
        (
            ["export.formats=[{format: gguf, type: q4_0}]", "tokenizer.pattern=gpt2", "model.hidden=48"],
            "blocks of 32 numbers, which do not divide model.hidden, 48",
        ),
        (
            ["export.formats=[{format: int4, group: 64}]", "model.hidden=96", "model.heads=4"],
            "columns in groups of 64, which do not divide the 96 of model.layers.0.self_attn.q_proj.weight",
        ),
    ],
)
def test_what_cannot_be_shipped_is_told_before_anything_runs(
    words: list[str], says: str, pipeline: Callable, tmp_path: Path
) -> None:
    pytest.importorskip("gguf", reason="the gguf package is not installed (extra: gguf)")
    base = [word for word in QUICK if word != "model.layout=qwen3"]
    ended = pipeline(tmp_path, "stage=export", *words, *base, base=["experiment=demo", "tracking=none"])
    assert ended.returncode == 2
    assert says in ended.stderr
    assert not list((tmp_path / "artifacts").glob("*/*"))
