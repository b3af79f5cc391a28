"""The notebooks run from top to bottom, in a small form, and keep what each cell shows."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ROOT, copy_data_stages, tiny_words
from tests.inference.notebooks import Shown, run_cells

pytestmark = pytest.mark.e2e
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SMALL = [
    *tiny_words("tracking", "run.progress", "tokenizer", "model", "trainer", "finetune.trainer", "evaluate"),
    "finetune.trainer.epochs=null",
]


def notebook(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())


@pytest.fixture(scope="module")
def folder(shards: Path, pipeline: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run `demo`, up to its scores."""
    folder = tmp_path_factory.mktemp("notebooks")
    copy_data_stages(shards, folder)
    result = pipeline(folder, "stage=evaluate")
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "Makefile").touch()  # what the notebooks look for
    return folder


@pytest.fixture
def run(folder: Path, pipeline: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Shown]]:
    """Runs a notebook as if the folder were the checkout."""

    def make(command: str) -> str:
        """`make evaluate EXP=own ARGS="…"`, made small."""
        _, target, experiment, words = shlex.split(command.replace("\\\n", " "))
        assert (target, experiment) == ("evaluate", "EXP=own")
        given = shlex.split(words.removeprefix("ARGS=").replace("outputs/", f"{folder}/outputs/"))
        result = pipeline(folder, "stage=evaluate", *given, *SMALL, base=["experiment=own"])
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    monkeypatch.chdir(folder)
    monkeypatch.setenv("LM_RUNS", str(folder / "runs"))
    return lambda name: run_cells(notebook(name), make)


def test_use_a_run(run: Callable[[str], list[Shown]]) -> None:
    _, tokens, figures, written, scores = (cell.text for cell in run("use_a_run"))
    assert tokens.count("\n") > 1
    assert "parameters " in figures
    assert "\n---\n" in written
    assert [line.split()[1] for line in scores.splitlines()][-4:] == ["8:", "8:", "12:", "12:"]


def test_pretrain_on_your_text(run: Callable[[str], list[Shown]]) -> None:
    _, trained, scores, written = (cell.text for cell in run("pretrain_on_your_text"))
    assert "\nevaluate " in trained
    assert [line.split()[0] for line in scores.splitlines()] == [
        "perplexity", "bigram_perplexity", "unigram_perplexity",
    ]  # fmt: skip
    assert written.count("The model") == 2


def test_fine_tune_and_chat(run: Callable[[str], list[Shown]]) -> None:
    _, examples, trained, scores, talk = (cell.text for cell in run("fine_tune_and_chat"))
    assert [line.split()[1] for line in examples.splitlines()] == ["64", "16", "16"]
    assert "examples: 64 for training, 16 for validation, 16 for the test" in trained
    assert [line.split()[0] for line in scores.splitlines()] == ["exact_match", "rougeL"]
    assert talk.count("> ") == 2


def test_read_a_run(folder: Path, run: Callable[[str], list[Shown]]) -> None:
    _, stages, curves, shards, scores, example = run("read_a_run")
    fingerprint = json.loads((folder / "runs/demo/pretrain/manifest.json").read_text())["fingerprint"]
    assert f"\npretrain  {fingerprint} " in stages.text
    assert "made of shards, tokenizer" in stages.text
    assert "validation/loss" in curves.text
    [picture] = curves.pictures
    assert picture.startswith(b"\x89PNG")
    built = json.loads((folder / "runs/demo/shards/manifest.json").read_text())["metrics"]
    assert shards.text.startswith(f"{built['validation_tokens']:,} tokens in ")
    assert "pretrain  Perplexity per token" in scores.text
    assert "prediction" in example.text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_what_it_shows(path: Path) -> None:
    """In all cells but the first, without paths of a machine."""
    text = path.read_text()
    kept = [bool(cell["outputs"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert kept == [False, *[True] * (len(kept) - 1)]
    assert str(Path.home()) not in text
    assert str(ROOT) not in text
