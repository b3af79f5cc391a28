"""`benchmark_sample` in a small form: tasks of four kinds, scored, followed, and compared with the training text."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.tracker import read_metrics
from tests.command_line import tiny_words

pytestmark = pytest.mark.e2e

SMALL = [
    *tiny_words("tracking=", "run.", "model.", "trainer.", "tokenizer."),
    "model.context=128",
    "trainer.steps=4",
    "evaluate.bootstrap=50",
    "evaluate.prompts=[]",
    "evaluate.perplexity.max_tokens=2000",
    "evaluate.perplexity.stride=64",
    "pretrain.probes.every=2",
    "pretrain.probes.limit=6",
    "pretrain.probes.text_chars=500",
]


def test_benchmark_sample(
    pipeline: Callable, shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    (data / "wikitext-2").mkdir(parents=True)
    (data / "xquad").symlink_to(shared_data("xquad"))
    articles = json.loads((data / "xquad/xquad.en.json").read_text())["data"]
    read_before = articles[0]["paragraphs"][0]["context"]
    for name in ("train", "valid", "test"):
        text = shared_data(f"wikitext-2/wiki.{name}.tokens").read_text(encoding="utf-8")[:100_000]
        planted = f"\n = Planted = \n \n {read_before} \n" if name == "train" else ""
        (data / f"wikitext-2/wiki.{name}.tokens").write_text(text + planted, encoding="utf-8")
    monkeypatch.setenv("LM_DATA", str(data))
    file = f"data: {{test: [{data}/xquad/xquad.en.json]}}"
    tasks = [
        f"{{task: benchmarks/xquad_{name}.yaml, {file}, limit: {limit}}}"
        for name, limit in (("choice", 20), ("answer", 3), ("text", 2))
    ]
    benchmarks = f"evaluate.benchmarks=[{', '.join(tasks)}, benchmarks/pronouns.yaml]"
    ended = pipeline(tmp_path, "stage=report", *SMALL, benchmarks, base=["experiment=benchmark_sample"])
    assert ended.returncode == 0, ended.stdout + ended.stderr

    run = tmp_path / "runs" / "benchmark_sample"
    rows = {
        (row["file"], row["model"], row["name"]): row
        for row in json.loads((run / "evaluate/results.json").read_text())
        if row["benchmark"]
    }
    contaminated = rows["xquad_choice", "pretrain", "acc_contaminated"]
    clean = rows["xquad_choice", "pretrain", "acc_clean"]
    assert contaminated["n"] == 14  # all that ask about the planted paragraph
    assert contaminated["n"] + clean["n"] == rows["xquad_choice", "pretrain", "acc"]["n"] == 20
    assert rows["xquad_choice", "chance", "acc"]["value"] == pytest.approx(25)
    assert rows["pronouns", "chance", "pct_stereotype"]["value"] == pytest.approx(50)
    assert rows["pronouns", "pretrain", "likelihood_diff"]["value"] > 0
    assert rows["xquad_text", "pretrain", "bits_per_byte"]["value"] > 1
    assert ("xquad_answer", "pretrain", "exact_match") in rows
    followed = [row for row in read_metrics(run / "pretrain") if "probe/xquad_choice/acc" in row]
    assert [row["step"] for row in followed] == [2, 4]
    page, card = (run / "report/report.html").read_text(), (run / "export/model/README.md").read_text()
    assert "acc_contaminated, %" in page
    assert "| acc_contaminated, xquad_choice |" in card
