"""Runs of the command line on a small corpus: fixtures for tests/e2e and tests/distributed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.warm.process import WarmProcess, run_warm

ROOT = Path(__file__).resolve().parents[1]

# Small enough for seconds, large enough that every stage does its real work.
TINY = [
    "experiment=demo",
    "tracking=none",
    "run.progress=false",
    "corpus.max_mb=0.6",
    "corpus.packages=[]",
    "clean.validation_fraction=0.1",
    "clean.test_fraction=0.1",
    "clean.workers=1",
    "shards.workers=1",
    "tokenizer.vocab_size=400",
    "model.layers=2",
    "model.hidden=32",
    "model.heads=2",
    "model.context=64",
    "trainer.steps=12",
    "trainer.global_batch=4",
    "trainer.validate_every=6",
    "trainer.validation_sequences=8",
    "trainer.checkpoint_every=4",
    "trainer.sample_every=0",
    "trainer.threads=1",
    "finetune.trainer.steps=3",
    "finetune.trainer.global_batch=4",
    "finetune.trainer.threads=1",
    "finetune.data.max_examples=60",
    "evaluate.max_examples=4",
    "evaluate.decode.max_new_tokens=8",
    "evaluate.prompt_tokens=8",
    "evaluate.bootstrap=50",
]


def tiny_words(*beginnings: str) -> list[str]:
    """Those of `TINY` that begin so, and how many workers there are: for other experiments in a small form."""
    return [word for word in TINY if word.startswith(beginnings) or "workers=" in word]


OWN = ["experiment=own", "run.name=demo", "tracking=none", "run.progress=false", "corpus=files"]
"""For a corpus of the test's own."""


Pipeline = Callable[..., subprocess.CompletedProcess[str]]


def run_pipeline(
    folder: Path, *words: str, base: Sequence[str] = TINY, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """The planner with its artifacts and runs below the folder.

    It and its workers are warm (see `tests/warm`), where the words name no other launcher.
    """
    variables = environment_of_sweeps() if "--multirun" in words else environment()
    return run_warm(variables, "pipeline", *warm(folder, *words, base=base), timeout=timeout)


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """`pipeline(folder, "stage=report", …)`: see `run_pipeline`."""
    return run_pipeline


@pytest.fixture(scope="session")
def cold_pipeline() -> Pipeline:
    """The same as a user starts it: for what launchers do."""

    def run(
        folder: Path, *words: str, base: Sequence[str] = TINY, timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(folder, *words, base=base),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=timeout,
            env=environment(),
        )

    return run


def command(folder: Path, *words: str, base: Sequence[str] = TINY) -> list[str]:
    return [sys.executable, "-m", "pipeline", *base, *places(folder), *words]


def warm(folder: Path, *words: str, base: Sequence[str] = TINY) -> list[str]:
    """The planner's words."""
    chosen = any(word.startswith("launcher=") for word in (*base, *words))
    return [*base, *places(folder), *([] if chosen else ["launcher=warm"]), *words]


def places(folder: Path) -> list[str]:
    return [f"run.artifacts={folder / 'artifacts'}", f"run.runs={folder / 'runs'}"]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def environment_of_sweeps() -> dict[str, str]:
    """A sweep starts its jobs' planners as a user does; a plugin brings them the launcher of warm workers."""
    path = [str(ROOT / "tests/warm/plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return environment() | {"PYTHONPATH": os.pathsep.join(path), "LM_PLUGINS": "warm_jobs"}


def start(folder: Path, *words: str) -> subprocess.Popen:
    """The planner in the background, with a process group of its own; its output, stderr too, is for `communicate`."""
    return subprocess.Popen(
        command(folder, *words),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, pipeline: Callable) -> Iterator[Path]:
    """A folder in which all stages up to the shards are built.

    All tests read it; who builds something takes a copy (`copy_data_stages`), so that no test sees what another built.
    """
    folder = tmp_path_factory.mktemp("shards")
    result = pipeline(folder, "stage=shards")
    assert result.returncode == 0, result.stdout + result.stderr
    built = sorted(folder.glob("artifacts/*/*"))
    yield folder
    assert sorted(folder.glob("artifacts/*/*")) == built, (
        "a test built something in the folder that all share"
    )


def kill(folder: Path) -> None:
    """SIGKILL for every process of the run in `folder`: planner, launcher and ranks."""
    subprocess.run(["pkill", "-KILL", "-f", f"{folder}/artifacts"], check=False)


def kill_after_a_checkpoint(folder: Path, *words: str, base: Sequence[str] = TINY) -> None:
    """Start pretraining and kill all of it, without warning, as soon as one checkpoint is complete."""
    with (folder / "killed.log").open("w+") as log:
        planner = WarmProcess(
            environment(),
            (0, log.fileno(), log.fileno()),
            "pipeline",
            *warm(folder, "stage=pretrain", *words, base=base),
        )
        deadline = time.monotonic() + 300
        while not list(folder.glob("artifacts/pretrain/*/checkpoints/step-*[0-9]/meta.json")):
            assert time.monotonic() < deadline
            assert planner.poll() is None, Path(log.name).read_text()
            time.sleep(0.02)
        kill(folder)  # workers that are not warm
        planner.kill()  # and with it those that are
    assert not list(folder.glob("artifacts/pretrain/*[0-9a-f]/manifest.json"))


def copy_data_stages(source: Path, target: Path) -> None:
    """Give `target` a copy of the artifacts that pretraining starts from."""
    for stage in ("download", "clean", "tokenizer", "shards"):
        shutil.copytree(source / "artifacts" / stage, target / "artifacts" / stage)
