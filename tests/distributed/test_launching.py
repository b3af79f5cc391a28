"""Launching under supervision: torchrun over several machines (here two planners on one), deaths, signals, restarts."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.formats.checkpoints import list_checkpoints
from pipeline.tracking.tracker import read_metrics
from tests.command_line import ROOT, copy_data_stages, start

pytestmark = pytest.mark.distributed
SETTINGS = ["stage=pretrain", "optim=adamw", "optim.lr=1e-3", "trainer.log_every=1"]
LONG = ["trainer.steps=5000", "trainer.checkpoint_every=0", "trainer.validate_every=0"]
TWO_RANKS = ["strategy=ddp", "trainer.devices=2"]


@pytest.fixture
def built(tmp_path: Path, shards: Path) -> Path:
    copy_data_stages(shards, tmp_path)
    return tmp_path


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen]:
    process = start(folder, *SETTINGS, *words)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)


def wait_for(condition: Callable[[], object], seconds: float = 90) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def trains(folder: Path) -> bool:
    """Whether a step is done: the metrics of the first one are there."""
    return bool(list(folder.glob("artifacts/pretrain/*.partial/metrics.jsonl")))


def pid_of(folder: Path, rank: int) -> int:
    (path,) = folder.glob(f"artifacts/pretrain/*.partial/ranks/rank-{rank}.json")
    return json.loads(path.read_text())["pid"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def two_machines(port: int) -> list[str]:
    return ["strategy=ddp", "trainer.nodes=2", "launcher=torchrun", f"launcher.rendezvous=127.0.0.1:{port}"]


def test_the_same_command_on_two_machines_trains_one_model(
    built: Path, tmp_path_factory: pytest.TempPathFactory, shards: Path, pipeline: Callable
) -> None:
    words = two_machines(free_port())
    with started(built, *words) as first, started(built, *words) as second:
        outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0), outputs
    assert sum("taking part" in output for output in outputs) == 1
    artifact = built / "runs/demo/pretrain"
    assert json.loads((artifact / "manifest.json").read_text())["ranks"] == 2
    assert not (artifact / "ranks").exists()
    alone = tmp_path_factory.mktemp("alone")
    copy_data_stages(shards, alone)
    assert pipeline(alone, *SETTINGS).returncode == 0
    losses = [[row["train/loss"] for row in read_metrics(f / "runs/demo/pretrain")] for f in (built, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_rank_that_dies_on_one_machine_ends_both(built: Path) -> None:
    words = [*two_machines(free_port()), *LONG]
    with started(built, *words) as first, started(built, *words) as second:
        wait_for(lambda: trains(built))
        victim = pid_of(built, 1)
        os.kill(victim, signal.SIGKILL)
        outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert first.returncode == second.returncode == 2
    leader = next(output for output in outputs if "machines meet" in output)
    report = leader[leader.index("rank 1 on") :]
    assert f"(pid {victim}) failed\n    ended with SIGKILL without a word: killed from outside" in report
    assert "Traceback" not in report.partition("rank 0 on")[0]
    assert any("the planner that led it says why" in output for output in outputs)


def test_a_port_in_use_and_an_unknown_host_are_told_at_once(built: Path, cold_pipeline: Callable) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = cold_pipeline(built, *SETTINGS, *two_machines(taken.getsockname()[1]), timeout=20)
    assert result.returncode == 2
    assert "is in use on this machine" in result.stderr
    words = [*two_machines(1)[:-1], "launcher.rendezvous=no-such-host.invalid:29500"]
    result = cold_pipeline(built, *SETTINGS, *words, timeout=30)
    assert result.returncode == 2
    assert "no-such-host.invalid is not known here" in result.stderr


def interrupt(planner: subprocess.Popen) -> None:
    """As a terminal does: all processes at once."""
    os.killpg(planner.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("tell", "ranks"),
    [
        (subprocess.Popen.terminate, TWO_RANKS),
        (lambda planner: planner.send_signal(signal.SIGUSR1), TWO_RANKS),
        (interrupt, TWO_RANKS),
        (interrupt, []),
    ],
    ids=["SIGTERM", "SIGUSR1", "Ctrl-C", "Ctrl-C in one process"],
)
def test_a_planner_that_is_told_to_stop_lets_its_workers_save(
    tell: Callable[[subprocess.Popen], None], ranks: list[str], built: Path, pipeline: Callable
) -> None:
    words = [*ranks, *LONG, "trainer.steps=600"]
    with started(built, *words) as planner:
        wait_for(lambda: trains(built))
        tell(planner)
        output = planner.communicate(timeout=60)[0]
    assert planner.returncode == 2
    assert "Traceback" not in output
    (partial,) = built.glob("artifacts/pretrain/*.partial")
    (checkpoint,) = list_checkpoints(partial)
    step = checkpoint.step
    assert f"told to stop: saved up to step {step:,}" in output
    assert f"pretrain stopped, as it was asked to. Its training is saved up to step {step:,}; give" in output
    assert "error" not in output
    assert "preempted" not in output
    result = pipeline(built, *SETTINGS, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"continuing from step {step:,}" in result.stdout


def test_a_second_attempt_goes_on_from_the_checkpoint(built: Path) -> None:
    words = [*TWO_RANKS, *LONG, "trainer.steps=600", "trainer.checkpoint_every=20", "launcher.attempts=2"]
    with started(built, *words) as planner:
        wait_for(lambda: list(built.glob("artifacts/pretrain/*.partial/checkpoints/step-*/meta.json")))
        os.kill(pid_of(built, 0), signal.SIGKILL)
        output = planner.communicate(timeout=180)[0]
    assert planner.returncode == 0, output
    assert "failed (exit code 137); launching again" in output
    assert "continuing from step" in output


def test_a_rank_that_stands_still_is_named_and_ends_the_launch(built: Path) -> None:
    with started(built, *TWO_RANKS, *LONG, "launcher.rank_timeout=20") as planner:
        wait_for(lambda: "step" in beat_of(built, 1))
        victim = pid_of(built, 1)
        os.kill(victim, signal.SIGSTOP)
        output = planner.communicate(timeout=150)[0]
    assert planner.returncode == 2, output
    name = rf"rank 1 on \S+ \(pid {victim}\)"
    assert re.search(rf"{name} gives no sign of life for 10 s, last seen at .*step [\d,]+", output)
    report = output[output.index(f"(pid {victim}) failed") :]
    assert re.match(
        r".* failed\n    no sign of life for 20 s \(launcher.rank_timeout\), last seen at .*step", report
    )
    assert not re.search(r"^rank 0 on .* failed", output.partition(report)[0], re.MULTILINE), (
        "its peer comes later"
    )


def beat_of(folder: Path, rank: int) -> str:
    paths = folder.glob(f"artifacts/pretrain/*.partial/ranks/rank-{rank}.beat")
    return "".join(path.read_text() for path in paths)


def test_a_worker_whose_planner_was_killed_keeps_others_out(built: Path, cold_pipeline: Callable) -> None:
    with started(built, *LONG) as planner:
        wait_for(lambda: trains(built))
        worker = pid_of(built, 0)
        planner.kill()
        result = cold_pipeline(built, *SETTINGS, *LONG, timeout=60)
        os.kill(worker, signal.SIGKILL)
    assert result.returncode == 2
    assert f"a worker of an earlier start still works in {built}" in result.stderr
    assert f"pid {worker} on " in result.stderr


def test_a_planner_started_by_torchrun_is_refused_with_the_command_to_give(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = ["-m", "pipeline", f"run.artifacts={tmp_path / 'artifacts'}", "strategy=zero1"]
    result = subprocess.run([*launch, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode != 0
    assert result.stderr.count("torchrun started this 2 times") == 1
    assert 'Give the command once: make all EXP=demo ARGS="' in result.stderr
    assert 'strategy=zero1 trainer.devices=2"\n' in result.stderr
    assert not list(tmp_path.iterdir())
