"""Sweeps through the command line: data is shared, what is done stays, what failed is told and tried again."""

import csv
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.sweep.objective import KNOWN
from tests.command_line import ROOT, command, copy_data_stages, environment

pytestmark = pytest.mark.e2e
GRID = [
    "stage=pretrain",
    "trainer.steps=3",
    "optim.lr=1e-3,1e-2",
    "optim.weight_decay=0.0,0.2",
    "sweep.name=lr",
    "run.name=grid",
]
SIZES = ["stage=tokenizer", "sweep.objective=tokenizer.bytes_per_token", "sweep.direction=maximize"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, shards: Path, pipeline: Callable) -> tuple[Path, str]:
    """A grid of 2 × 2, two jobs at a time, and what it printed."""
    folder = tmp_path_factory.mktemp("grid")
    copy_data_stages(shards, folder)
    result = pipeline(folder, *GRID, "sweep.parallel=2", "--multirun")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result.stdout


def artifacts(folder: Path, stage: str) -> list[Path]:
    return sorted((folder / "artifacts" / stage).glob("*/manifest.json"))


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "runs" / "sweeps" / name / "table.csv").open() as file:
        return list(csv.DictReader(file))


def test_all_jobs_share_the_data(grid: tuple[Path, str], shards: Path) -> None:
    folder, _ = grid
    for stage in ("download", "clean", "tokenizer", "shards"):
        copied, there = ([path.parent.name for path in artifacts(of, stage)] for of in (shards, folder))
        assert there == copied, "no job has made its own"
    assert len(artifacts(folder, "pretrain")) == 4


def test_the_table_is_sorted_by_the_artifacts_own_metric(grid: tuple[Path, str]) -> None:
    folder, printed = grid
    rows = table(folder, "lr")
    losses = [float(row["pretrain.validation_loss"]) for row in rows]
    assert losses == sorted(losses)
    for row in rows:
        manifest = json.loads((folder / "runs" / row["run"] / "pretrain" / "manifest.json").read_text())
        assert manifest["metrics"]["validation_loss"] == float(row["pretrain.validation_loss"])
        assert manifest["config"]["optim"]["lr"] == float(row["optim.lr"])
        numbers = {name for name, value in manifest["metrics"].items() if isinstance(value, int | float)}
        measured_where_possible = {"watts", "kwh"}
        of_earlier_runs = {name for name in numbers if name.startswith("forecast_")}
        assert numbers - measured_where_possible - of_earlier_runs == KNOWN["pretrain"]
        assert row["run"] in printed
    page = (folder / "runs/sweeps/lr/report.html").read_text()
    assert page.count("<figure") == 4  # each key, both together, the losses
    assert "src=" not in page
    best = page.rpartition("<pre")[2]
    assert best.count("run.name=") == 1
    assert f"run.name={rows[0]['run']}" in best


def test_started_again_it_runs_nothing(grid: tuple[Path, str], pipeline: Callable) -> None:
    folder, _ = grid
    result = pipeline(folder, *GRID, "--multirun", timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("reused") == 4
    assert "started" not in result.stdout


def test_a_job_that_fails_is_told_and_tried_again(
    grid: tuple[Path, str], pipeline: Callable, tmp_path: Path
) -> None:
    copy_data_stages(grid[0], tmp_path)
    words = [*SIZES, "tokenizer.vocab_size=60000,390", "sweep.name=sizes", "--multirun"]
    for start in range(2):
        result = pipeline(tmp_path, *words)
        assert result.returncode == 1, result.stdout + result.stderr
        assert "tokenizer.vocab_size=60000 failed" in result.stdout
        assert "the training text supports" in result.stdout.split("60000 failed")[1]
        assert "1/2 tokenizer.vocab_size=60000: started" in result.stdout
        assert ("2/2 tokenizer.vocab_size=390: started" in result.stdout) == (start == 0)
    assert [row["state"] for row in table(tmp_path, "sizes")] == ["finished", "failed"]


def test_an_optuna_study_goes_on_where_it_was(
    grid: tuple[Path, str], pipeline: Callable, tmp_path: Path
) -> None:
    copy_data_stages(grid[0], tmp_path)
    words = [*SIZES, "hydra/sweeper=optuna", "hydra.sweeper.sampler.seed=1", "sweep.name=study"]
    words.append("tokenizer.vocab_size=range(300,420)")
    first = pipeline(tmp_path, *words, "hydra.sweeper.n_trials=2", "--multirun")
    assert first.returncode == 0, first.stdout + first.stderr
    before = {row["tokenizer.vocab_size"] for row in table(tmp_path, "study")}
    again = pipeline(tmp_path, *words, "hydra.sweeper.n_trials=3", "--multirun")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count(": started") == 1
    rows = table(tmp_path, "study")
    assert len(rows) == 3
    assert before < {row["tokenizer.vocab_size"] for row in rows}
    sizes = [float(row["tokenizer.vocab_size"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)  # a larger vocabulary has more bytes per token


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["optim.lrr=1,2"], "optim.lrr: no such key; did you mean optim.lr?"),
        (["optim.lr=1e-3,-1"], "optim.lr=-1"),
        (["optim.lr=1e-3,0.001"], "two jobs would make the same artifact"),
        (["optim.lr=1e-3,1e-2", "sweep.objective=evaluate.bleu"], "no evaluate"),
        (["optim.lr=1e-3,1e-2", "sweep.objective=pretrain.los"], "pretrain has no such metric"),
        (["optim.lr=1e-3"], "a sweep needs keys with several values"),
        (
            ["optim.lr=1e-3,1e-2", "sweep.compare=model"],
            "sweep.compare=model is not among what is swept (optim.lr)",
        ),
        (["optim.lr=1e-3,1e-2", "sweep.compare=optim.lr"], "sweep.compare shows what evaluate measures"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    pipeline: Callable, tmp_path: Path, words: list[str], told: str
) -> None:
    result = pipeline(tmp_path, "stage=pretrain", *words, "--multirun", timeout=60)
    assert result.returncode == 2, result.stdout + result.stderr
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "artifacts" / "download").exists()


def test_a_dry_run_lists_the_jobs_and_starts_none(grid: tuple[Path, str], pipeline: Callable) -> None:
    folder, _ = grid
    words = ["stage=pretrain", "trainer.steps=3", "optim.lr=1e-3,2e-3", "optim.weight_decay=0.0"]
    result = pipeline(folder, *words, "sweep.name=dry", "dryrun=true", "--multirun", timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1/2 optim.lr=0.001: is there" in result.stdout, "of the grid"
    assert "2/2 optim.lr=0.002: would run as dry-lr_0.002" in result.stdout
    assert "nothing was started" in result.stdout
    assert not (folder / "runs/sweeps/dry").exists()


def test_a_sweep_of_other_jobs_says_whose_page_it_replaces(
    grid: tuple[Path, str], pipeline: Callable
) -> None:
    folder, _ = grid
    words = ["stage=pretrain", "trainer.steps=3", "optim.lr=1e-3,2e-3", "dryrun=true"]
    same_name = ["optim.weight_decay=0.0", "sweep.name=lr", "--multirun"]
    result = pipeline(folder, *words, *same_name, timeout=60)
    assert "an earlier sweep of this name has 3 jobs that this one has not (" in result.stdout
    assert "(sweep.name=…)" in result.stdout
    result = pipeline(folder, *words, "run.name=mine", "--multirun", timeout=60)
    assert "mine-lr: 2 jobs, 1 at a time" in result.stdout
    assert "would run as mine-lr_0.001\n" in result.stdout
    assert "earlier sweep" not in result.stdout


def test_an_interrupt_ends_the_running_job_and_keeps_the_finished_ones(
    grid: tuple[Path, str], tmp_path: Path
) -> None:
    """All processes are as a user starts them. The first job finds its artifact in the store."""
    copy_data_stages(grid[0], tmp_path)
    shutil.copytree(grid[0] / "artifacts/pretrain", tmp_path / "artifacts/pretrain")
    of_grid = ["optim.lr=1e-3", "optim.weight_decay=0.0"]
    words = ["stage=pretrain", *of_grid, "trainer.steps=3,100000", "sweep.name=steps", "--multirun"]
    sweep = subprocess.Popen(
        command(tmp_path, *words), cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("artifacts/pretrain/*.partial/metrics.jsonl")):
        assert time.monotonic() < deadline
        assert sweep.poll() is None
        time.sleep(0.1)
    sweep.send_signal(signal.SIGINT)
    printed, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 130
    states = {row["trainer.steps"]: row["state"] for row in table(tmp_path, "steps")}
    assert states == {"3": "finished", "100000": "interrupted"}
    assert "interrupted" in printed
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path) not in running
