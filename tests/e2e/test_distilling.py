"""`distill_sample` in a small form: a teacher's run, then a student that learns from what was stored of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SMALL = [
    "tracking=none",
    "run.progress=false",
    "clean.workers=1",
    "shards.workers=1",
    "tokenizer.vocab_size=400",
    "model.context=32",
    "trainer.threads=1",
    "trainer.global_batch=4",
    "trainer.validate_every=0",
    "trainer.validation_sequences=4",
]


@pytest.fixture
def data(shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small copy of the real data, to which the experiments are pointed."""
    folder = tmp_path / "data/wikitext-2"
    folder.mkdir(parents=True)
    for name, size in (("train", 60_000), ("valid", 20_000), ("test", 20_000)):
        text = shared_data(f"wikitext-2/wiki.{name}.tokens").read_text(encoding="utf-8")
        (folder / f"wiki.{name}.tokens").write_text(text[:size], encoding="utf-8")
    monkeypatch.setenv("LM_DATA", str(tmp_path / "data"))


def test_a_student_learns_from_a_run(pipeline: Callable, tmp_path: Path, data: None) -> None:
    student = ["experiment=distill_sample", *SMALL, "trainer.steps=3", "trainer.log_every=1"]
    lacking = pipeline(tmp_path, "dryrun=true", base=student)
    assert lacking.returncode == 2
    assert "an experiment makes it: make pretrain EXP=distill_teacher" in lacking.stdout + lacking.stderr

    ended = pipeline(tmp_path, "trainer.steps=2", base=["experiment=distill_teacher", *SMALL])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    cache = ["pretrain.distill.top_k=16", "pretrain.distill.cache=true"]
    dry = pipeline(tmp_path, "dryrun=true", *cache, base=student)
    assert "teacher's store" in dry.stdout
    ended = pipeline(tmp_path, "stage=report", "evaluate.perplexity.max_tokens=500", *cache, base=student)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the teacher reads" in ended.stdout
    assert "distillation_loss" in ended.stdout
    run = tmp_path / "runs/distill_sample"
    metrics = json.loads((run / "pretrain/manifest.json").read_text())["metrics"]
    assert metrics["teacher"].endswith("at temperature 2, 16 tokens of each told apart")
    assert "Distillation loss" in (run / "report/report.html").read_text()
    assert "| teacher | " in (run / "export/model/README.md").read_text()
