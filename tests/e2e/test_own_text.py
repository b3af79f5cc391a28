"""One's own text: a folder of a few files goes all the way; one that is too small is refused before the training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.tracing.readings import trace
from inference.tracing.training import TracedTraining
from pipeline.tracking.tracker import read_jsonl
from tests.command_line import OWN

pytestmark = pytest.mark.e2e

SETTINGS = [
    "model.layers=1", "model.hidden=32", "model.heads=2", "model.context=64", "tokenizer.vocab_size=300",
    "trainer.steps=4", "trainer.global_batch=4", "trainer.validate_every=2", "trainer.sample_every=0",
    "trainer.threads=1", "evaluate.prompt_tokens=4", "evaluate.bootstrap=10", "clean.workers=1", "shards.workers=1",
]  # fmt: skip


def page(number: int, parts: int) -> str:
    return f"# Page {number}\n\n" + "\n\n".join(
        f"## Part {n}\n\n- {n * number} things\n\nWhat page {number} has to say of part {n} is short."
        for n in range(parts)
    )


def test_a_folder_of_a_few_notes_is_kept_whole_and_has_something_held_out(
    pipeline: Callable, tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(12):
        (tmp_path / "notes" / f"{number}.md").write_text(page(number, 60))
    planted = ["clean.canaries.count=2", "clean.canaries.repeats=[1,2]"]
    words = [*SETTINGS, *planted, f"corpus.paths=[{tmp_path / 'notes'}]"]
    dry = pipeline(tmp_path, "stage=evaluate", "dryrun=true", *words, base=OWN)
    assert dry.returncode == 0, dry.stderr
    assert "12 text files are one document each" in " ".join(dry.stdout.split())
    result = pipeline(tmp_path, "stage=report", *words, base=OWN)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "| 12 text files are one document each\n" in result.stdout
    stats = json.loads((tmp_path / "runs/demo/clean/stats.json").read_text())
    assert stats["read"]["documents"] == 12
    assert stats["dropped"] == {}
    assert all(stats["splits"][split]["bytes"] > 0 for split in ("validation", "test"))
    assert stats["kept"]["bytes"] > 0.99 * stats["read"]["bytes"]
    assert "perplexity" in json.loads((tmp_path / "runs/demo/evaluate/manifest.json").read_text())["metrics"]
    check_canaries(tmp_path / "runs", stats)


def check_canaries(runs: Path, stats: dict[str, Any]) -> None:
    """Those that were planted are told of, and are found where they are."""
    assert stats["canaries"]["documents"] == 2 * (1 + 2)
    shards = json.loads((runs / "demo/shards/index.json").read_text())
    (train,) = shards["splits"]["train"]
    assert train["documents"] == stats["splits"]["train"]["documents"] + 6
    results = json.loads((runs / "demo/evaluate/results.json").read_text())
    exposures = [row for row in results if row["name"].startswith("exposure")]
    assert [(row["name"], row["n"]) for row in exposures] == [(f"exposure_{times}", 2) for times in (0, 1, 2)]
    report = (runs / "demo/report/report.html").read_text()
    assert "Exposure of canaries planted 2 times, bits" in report
    card = (runs / "demo/export/model/README.md").read_text()
    assert "Canaries: 6 further documents" in card
    assert "| pretrain | exposure_2 |" in card
    canaries = read_jsonl(runs / "demo/clean/canaries.jsonl")
    canary = next(canary for canary in canaries if canary["repeats"] == 2)
    training = TracedTraining.open("demo", None, runs)
    found = trace(training, canary["text"], least=16, count=10)
    whole = [reading for reading in found.readings if reading.passage == canary["text"]]
    assert {reading.document.id for reading in whole} == {f"{canary['id']}#1", f"{canary['id']}#2"}


def test_a_corpus_too_small_to_evaluate_on_is_refused_before_it_is_trained_on(
    pipeline: Callable, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text(page(1, 30))
    words = [*SETTINGS, f"corpus.paths=[{tmp_path / 'note.md'}]", "stage=evaluate"]
    result = pipeline(tmp_path, *words, base=OWN)
    assert result.returncode == 2
    assert "error: stage evaluate would fail: the corpus has no test text to score" in result.stderr
    assert "no text is held out for test: there is too little of it; bring more" in result.stdout
    assert [
        path.name for path in sorted((tmp_path / "artifacts").iterdir()) if not path.name.startswith(".")
    ] == [
        "clean",
        "download",
    ]


def test_a_corpus_of_less_than_one_sequence_is_refused_before_a_worker_starts(
    pipeline: Callable, tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text(page(1, 30))
    words = [*SETTINGS, f"corpus.paths=[{tmp_path / 'note.md'}]", "stage=pretrain", "model.context=4096"]
    result = pipeline(tmp_path, *words, base=OWN)
    assert result.returncode == 2
    assert "error: stage pretrain would fail: the train split has" in result.stderr
    assert not (tmp_path / "artifacts" / "pretrain").exists()
