"""`make sweep EXP=compare_objectives` in a small form: two systems, two tasks, one of which one of them cannot do."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

BUDGET = 1.2e10
BASE = [
    "experiment=compare_objectives",
    "variant=gru,encoder_decoder",
    "downstream=pairs,entities",
    "tracking=none",
    "run.progress=false",
    "clean.workers=1",
    "shards.workers=1",
    "tokenizer.vocab_size=800",
    f"trainer.flops={BUDGET}",
    "trainer.global_batch=4",
    "trainer.validation_sequences=8",
    "finetune.data.max_examples=40",
    "finetune.trainer.epochs=null",
    "finetune.trainer.steps=2",
    "evaluate.max_examples=30",
    "evaluate.perplexity.max_tokens=2000",
    "evaluate.bootstrap=50",
]


@pytest.fixture
def data(shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small copy of the real data, to which the experiment is pointed."""
    folder = tmp_path / "data"
    (folder / "wikitext-2").mkdir(parents=True)
    for name, size in (("train", 300_000), ("valid", 60_000), ("test", 60_000)):
        text = shared_data(f"wikitext-2/wiki.{name}.tokens").read_text(encoding="utf-8")
        (folder / f"wikitext-2/wiki.{name}.tokens").write_text(text[:size], encoding="utf-8")
    for name in ("scitldr", "gum-ner"):
        (folder / name).symlink_to(shared_data(name))
    monkeypatch.setenv("LM_DATA", str(folder))


def test_two_systems_get_one_budget_and_one_suite(pipeline: Callable, tmp_path: Path, data: None) -> None:
    ended = pipeline(tmp_path, "--multirun", base=BASE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "variant=encoder_decoder downstream=entities refused" in ended.stdout
    for stage, count in (("tokenizer", 1), ("shards", 1), ("pretrain", 2), ("finetune", 3)):
        manifests = list((tmp_path / f"artifacts/{stage}").glob("*/manifest.json"))
        assert len(manifests) == count, f"{stage} is shared by the jobs that can"
        if stage == "pretrain":
            trained = [json.loads(path.read_text())["metrics"] for path in manifests]
            assert all(BUDGET <= each["flops"] < BUDGET * (1 + 1.1 / each["steps"]) for each in trained)
    folder = tmp_path / "runs/sweeps/compare_objectives"
    with (folder / "table.csv").open() as file:
        states = {(row["variant"], row["downstream"]): row["state"] for row in csv.DictReader(file)}
    assert states.pop(("encoder_decoder", "entities")) == "refused"
    assert set(states.values()) == {"finished"}
    page = (folder / "report.html").read_text()
    assert "src=" not in page
    assert page.count("<figure") == 4  # each task, at equal compute and against time
    assert re.search(r"<li>finetune.task=tag needs a model that .* writes another</li>", page)
    run = tmp_path / "runs/compare_objectives-variant_gru-downstream_entities"
    results = json.loads((run / "evaluate/results.json").read_text())
    shown = {(row["model"], row["name"]): row for row in results}
    assert f"<td>{shown['pretrain', 'bits_per_byte']['value']:.3f}" in page
    row = shown["finetune", "f1"]
    assert f">{row['value']:.1f}<small>{row['low']:.1f} to {row['high']:.1f}</small>" in page
