"""Ranks that stand still are told, named with what they were at, and ended after a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.launch.ranks import describe_faults
from tests.command_line import ROOT
from tests.pipeline.starts import BALLAST, Stage, check_whole, end, wait_for

RANK = """
import sys, time
from pathlib import Path
from pipeline.launch import heartbeat
from pipeline.launch.ranks import RankFile
heartbeat.BEAT_SECONDS = 0.2
record = RankFile(Path(sys.argv[1]), 3)
record.activity.note("step 12")
print("runs", flush=True)
time.sleep(600)
"""
SUPERVISOR = """
import sys, time
from pathlib import Path
from pipeline.launch import watch
watch.LOOK_SECONDS = 0.2
watched = watch.Watch(Path(sys.argv[1]), 8.0, lambda said: print(said, flush=True))
while not watched.over():
    time.sleep(0.05)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def started(script: str, folder: Path, stack: ExitStack) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT, stdout=-1, text=True)
    stack.callback(end, process.pid)
    return process


def test_a_rank_that_stands_still_is_told_comes_back_and_is_ended(tmp_path: Path, stack: ExitStack) -> None:
    rank = started(RANK, tmp_path, stack)
    assert rank.stdout.readline() == "runs\n"
    time.sleep(1)  # a sign of life with the step
    supervisor = started(SUPERVISOR, tmp_path, stack)
    os.kill(rank.pid, signal.SIGSTOP)
    warning = supervisor.stdout.readline()
    assert warning.startswith(
        f"rank 3 on {os.uname().nodename} (pid {rank.pid}) gives no sign of life for 4 s"
    )
    assert warning.endswith("last seen at step 12; after 8 s (launcher.rank_timeout) it is ended\n")
    os.kill(rank.pid, signal.SIGCONT)
    assert supervisor.stdout.readline().endswith("goes on\n")
    os.kill(rank.pid, signal.SIGSTOP)
    assert rank.wait(timeout=60) == -signal.SIGKILL
    wait_for(lambda: "failed" in describe_faults(tmp_path)[0])
    assert (
        "no sign of life for 8 s (launcher.rank_timeout), last seen at step 12"
        in describe_faults(tmp_path)[1]
    )


def test_the_time_for_which_the_supervisor_stood_still_itself_is_no_silence(
    tmp_path: Path, stack: ExitStack
) -> None:
    """As after Ctrl-Z and fg, where the supervisor may wake up first."""
    rank = started(RANK, tmp_path, stack)
    assert rank.stdout.readline() == "runs\n"
    supervisor = started(SUPERVISOR, tmp_path, stack)
    time.sleep(2)
    for process in (rank, supervisor):
        os.kill(process.pid, signal.SIGSTOP)
    time.sleep(10)
    os.kill(supervisor.pid, signal.SIGCONT)
    time.sleep(0.5)
    os.kill(rank.pid, signal.SIGCONT)
    time.sleep(2)
    assert rank.poll() is None
    supervisor.kill()
    assert supervisor.communicate()[0] == ""


def test_a_stage_whose_only_worker_stands_still_fails_by_its_name_and_can_go_on(
    tmp_path: Path, stack: ExitStack
) -> None:
    stage = Stage(tmp_path, stack)
    os.truncate(tmp_path / "corpus.txt", BALLAST)  # its sha256 takes long enough to stop the worker at it
    first = stage.start("launcher.rank_timeout=20")
    worker = stage.worker_of(first)
    wait_for(lambda: list(tmp_path.glob("artifacts/download/*.partial/ranks/rank-0.beat")))
    os.kill(worker, signal.SIGSTOP)
    output = first.communicate(timeout=120)[0]
    assert first.returncode == 2, output
    assert f"(pid {worker}) gives no sign of life for 10 s, last seen at " in output
    assert f"(pid {worker}) failed\n    no sign of life for 20 s (launcher.rank_timeout)" in output
    second = stage.start()
    assert second.wait(timeout=60) == 0
    check_whole(stage)
