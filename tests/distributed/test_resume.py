"""A run that is killed, resized or moved to another strategy goes on as if nothing had happened."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_metrics
from tests import command_line
from tests.command_line import copy_data_stages, environment, warm
from tests.warm.process import PipedProcess

pytestmark = pytest.mark.distributed
STEPS = 240
SETTINGS = [
    "stage=pretrain",
    "optim=adamw",
    "optim.lr=1e-3",
    f"trainer.steps={STEPS}",
    "trainer.log_every=1",
    "trainer.validate_every=0",
    "trainer.checkpoint_every=1",
    "trainer.record_data=true",
    "trainer.deterministic=true",
    "model.dropout=0.1",
]


def start(folder: Path, *words: str) -> PipedProcess:
    """The planner; its workers are killed with it, by the server of both."""
    return PipedProcess(environment(), "pipeline", *warm(folder, *SETTINGS, *words), together=True)


def kill(planner: PipedProcess) -> str:
    """What it and its workers said until their end."""
    planner.kill()
    return planner.communicate(timeout=60)[0]


def finish(folder: Path, *words: str) -> Path:
    """Train to the end; gives the artifact."""
    process = start(folder, *words)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return folder / "runs/demo/pretrain"


def newest(folder: Path) -> int:
    """Step of the newest complete checkpoint; 0 where there is none, STEPS where training is over."""
    partial = next(iter((folder / "artifacts/pretrain").glob("*.partial")), None)
    if partial is None:
        return STEPS if (folder / "runs/demo/pretrain").exists() else 0
    try:
        return max((c.step for c in list_checkpoints(partial)), default=0)
    except FileNotFoundError:  # it was being pruned
        return newest(folder)


def windows(artifact: Path) -> dict[int, set[int]]:
    """The token windows of every step, over all ranks; of a step that was done again, over all attempts."""
    found: dict[int, set[int]] = {}
    for path in (artifact / "data").glob("rank-*.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            found.setdefault(row["step"], set()).update(row["windows"])
    assert all(len(seen) == 4 for seen in found.values())
    return found


def losses(artifact: Path) -> list[float]:
    return [row["train/loss"] for row in read_metrics(artifact)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        copy_data_stages(shards, folder)
        return folder

    return make


@pytest.fixture(scope="module")
def whole(base: Callable[[str], Path]) -> Path:
    """One process, from the first step to the last."""
    return finish(base("whole"))


def test_killed_at_twenty_moments_it_ends_bitwise_the_same(whole: Path, base: Callable[[str], Path]) -> None:
    folder, kills, seed = base("killed"), 0, 20
    moments = random.Random(seed)
    while kills < 20:
        before = newest(folder)
        process = start(folder)
        # Training itself takes the process a second or two: first let it get somewhere, then any moment will do.
        while newest(folder) <= before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.08))
        kill(process)
        kills += 1
        if process.returncode == 0:
            pytest.fail(f"training was over after {kills} kills; it must be made longer")
    artifact = finish(folder)
    assert losses(artifact) == losses(whole)
    assert windows(artifact) == windows(whole)
    assert_equal(artifact, whole)


def test_one_rank_killed_at_any_moment(base: Callable[[str], Path]) -> None:
    """One of two ranks dies without a word, four times; each time the run starts again by itself."""
    two = ["strategy=ddp", "trainer.devices=2"]
    expected = finish(base("whole2"), *two)
    folder, moments, before = base("killed2"), random.Random(3), 0
    process = command_line.start(folder, *SETTINGS, *two)  # as a user does
    for turn in range(4):
        while newest(folder) <= before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.1))
        partial = next((folder / "artifacts/pretrain").glob("*.partial"))
        victim = json.loads((partial / f"ranks/rank-{turn % 2}.json").read_text())
        os.kill(victim["pid"], signal.SIGKILL)
        before = newest(folder) + 1  # one that was complete before the kill, at the most
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert output.count("launching again") == 4
    assert output.count("without a word") >= 4
    artifact = folder / "runs/demo/pretrain"
    assert losses(artifact) == losses(expected)
    assert windows(artifact) == windows(expected)
    assert_equal(artifact, expected)


def test_it_goes_on_under_other_strategies_and_ranks(whole: Path, base: Callable[[str], Path]) -> None:
    folder = base("moved")
    for until, words in (
        (8, ["strategy=single"]),
        (16, ["strategy=ddp", "trainer.devices=2"]),
        (24, ["strategy=zero2", "trainer.devices=2", "trainer.micro_batch=1"]),
        (32, ["strategy=zero3", "trainer.devices=2"]),
        (40, ["strategy=fsdp", "trainer.devices=4"]),
    ):
        process = start(folder, "model.dropout=0", *words)
        while newest(folder) < until and process.poll() is None:
            time.sleep(0.005)
        output = kill(process)
        assert process.returncode != 0, output
    artifact = finish(folder, "model.dropout=0")
    expected = finish(base("whole3"), "model.dropout=0")
    assert losses(artifact) == pytest.approx(losses(expected), rel=1e-4)
    assert windows(artifact) == windows(expected)
    ours, theirs = (load_file(a / "model/model.safetensors") for a in (artifact, expected))
    for name in theirs:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-4, rtol=1e-3)


def test_a_signal_writes_a_checkpoint_and_stops(whole: Path, base: Callable[[str], Path]) -> None:
    folder = base("stopped")
    process = start(folder, "trainer.checkpoint_every=0")
    while not list(folder.glob("artifacts/pretrain/*/metrics.jsonl")):
        time.sleep(0.01)
    (worker,) = folder.glob("artifacts/pretrain/*.partial/ranks/rank-0.json")
    os.kill(json.loads(worker.read_text())["pid"], signal.SIGUSR1)
    output = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "Traceback" not in output
    stopped = newest(folder)
    assert 0 < stopped < STEPS
    artifact = finish(folder)
    assert losses(artifact) == losses(whole)
    assert_equal(artifact, whole)


def test_a_damaged_checkpoint_is_passed_over(whole: Path, base: Callable[[str], Path]) -> None:
    folder = base("damaged")
    process = start(folder, "trainer.keep_last=3")
    while newest(folder) < 10 and process.poll() is None:
        time.sleep(0.005)
    kill(process)
    partial = next((folder / "artifacts/pretrain").glob("*.partial"))
    last = list_checkpoints(partial)[-1]
    with last.files[0].open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"x")
    process = start(folder)
    output = process.communicate(timeout=300)[0]
    assert f"{last.folder} is damaged" in output
    assert f"continuing from step {last.step - 1}" in output
    assert_equal(folder / "runs/demo/pretrain", whole)


def assert_equal(artifact: Path, expected: Path) -> None:
    ours, theirs = (load_file(a / "model/model.safetensors") for a in (artifact, expected))
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert torch.equal(ours[name], theirs[name]), name
