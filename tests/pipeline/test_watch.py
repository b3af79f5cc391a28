"""Ranks that stand still are told, named with what they were at, and ended after a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from pipeline.errors import UserError
from pipeline.launch import watch
from pipeline.launch.building import build_with
from pipeline.launch.commands import one_process
from pipeline.launch.ranks import RankRecord, describe_faults, read_records
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import RANKS
from pipeline.store.signs_of_life import beat_file
from tests.command_line import ROOT
from tests.pipeline.starts import BALLAST, end, is_reading, wait_for

RANK = """
import sys, time
from pathlib import Path
from pipeline.launch import heartbeat
from pipeline.launch.ranks import RankFile
heartbeat.BEAT_SECONDS = 0.1
record = RankFile(Path(sys.argv[1]), 3)
record.activity.note("step 12")
print("runs", flush=True)
time.sleep(600)
"""
WORKER = """
import sys
from pathlib import Path
from pipeline.launch import heartbeat, worker
heartbeat.BEAT_SECONDS = 0.1
sys.exit(worker.main(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranks are looked at often."""
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.1)


def activity(folder: Path, rank: int) -> str | None:
    """What a rank was at when it last gave a sign of life, if it has given one."""
    file = beat_file(folder, rank)
    return file.read_text() if file.exists() else None


@pytest.mark.usefixtures("soon")
def test_a_rank_that_stands_still_is_told_comes_back_and_is_ended(tmp_path: Path, stack: ExitStack) -> None:
    rank = subprocess.Popen([sys.executable, "-c", RANK, str(tmp_path)], cwd=ROOT, stdout=-1, text=True)
    stack.callback(end, rank.pid)
    assert rank.stdout.readline() == "runs\n"
    wait_for(lambda: activity(tmp_path, 3) == "step 12")
    said: list[str] = []
    watched = watch.Watch(tmp_path, 4.0, said.append)
    os.kill(rank.pid, signal.SIGSTOP)
    wait_for(lambda: watched.over() or said)
    name = f"rank 3 on {os.uname().nodename} (pid {rank.pid})"
    assert said.pop() == (
        f"{name} gives no sign of life for 2 s, last seen at step 12; after 4 s (launcher.rank_timeout) it is ended"
    )
    os.kill(rank.pid, signal.SIGCONT)
    wait_for(lambda: watched.over() or said)
    assert said == [f"{name} goes on"]
    os.kill(rank.pid, signal.SIGSTOP)
    wait_for(lambda: watched.over() or rank.poll() is not None)
    assert rank.returncode == -signal.SIGKILL
    assert describe_faults(tmp_path) == [
        f"{name} failed",
        "    no sign of life for 4 s (launcher.rank_timeout), last seen at step 12",
    ]


def test_the_time_for_which_the_supervisor_stood_still_itself_is_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl-Z and fg, where the supervisor may wake up first."""
    now = time.monotonic()
    monkeypatch.setattr(watch.time, "monotonic", lambda: now)
    (tmp_path / RANKS).mkdir()
    RankRecord(0, "node0", 10).write(tmp_path)
    beat_file(tmp_path, 0).write_text("step 12")
    said: list[str] = []
    watched = watch.Watch(tmp_path, 60.0, said.append)
    for passed in (5, 3600, 5):
        now += passed
        assert not watched.over()
    assert said == [], "its silence is 15 seconds"
    for _ in range(3):
        now += 5
        assert not watched.over()
    (warning,) = said
    assert " gives no sign of life for 30 s, " in warning


@pytest.mark.usefixtures("soon")
def test_a_stage_whose_worker_stands_still_while_it_hashes_fails_by_its_name_and_can_go_on(
    spec: StageSpec, stack: ExitStack
) -> None:
    """What is hashed takes minutes where it is large, and is the last thing of which others wait for the end."""
    spec = spec.model_copy(update={"launcher": spec.launcher.model_copy(update={"rank_timeout": 4.0})})
    ballast = spec.prepare_folder() / "ballast"
    ballast.touch()
    os.truncate(ballast, 5 * BALLAST)
    stopped: list[int] = []

    def stop() -> None:
        (record,) = wait_for(lambda: read_records(ballast.parent))
        stack.callback(end, record.pid)
        wait_for(lambda: is_reading(record.pid, ballast))
        wait_for(lambda: activity(ballast.parent, 0) == "hashing outputs")
        os.kill(record.pid, signal.SIGSTOP)
        stopped.append(record.pid)

    stopper = Thread(target=stop)
    stopper.start()
    said: list[str] = []
    with pytest.raises(UserError, match=r"^stage download: failed"):
        build_with(
            lambda folder, launch: [sys.executable, "-c", WORKER, str(folder), launch], spec, said.append
        )
    stopper.join()
    name = f"rank 0 on {os.uname().nodename} (pid {stopped[0]})"
    assert said == [
        f"{name} gives no sign of life for 2 s, last seen at hashing outputs; "
        "after 4 s (launcher.rank_timeout) it is ended",
        f"{name} failed",
        "    no sign of life for 4 s (launcher.rank_timeout), last seen at hashing outputs",
    ]
    ballast.unlink()
    artifact, reused = build_with(one_process, spec, said.append)
    assert not reused
    assert {path.name for path in artifact.folder.iterdir()} == {*artifact.outputs, "manifest.json"}
