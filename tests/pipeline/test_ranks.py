"""What ranks leave behind of their lives, and what is made of it for the user."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.launch.ranks import (
    RESERVED_BYTES,
    RankFile,
    RankRecord,
    SilentEnds,
    describe_faults,
    faults,
    host_name,
    is_running,
    read_records,
    remove_records,
)
from pipeline.store.artifacts import RANKS, Store, finish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / RANKS).mkdir()
    return tmp_path


def test_a_worker_is_on_record_from_its_start_to_its_end(tmp_path: Path) -> None:
    record = RankFile(tmp_path, 2)
    (running,) = read_records(tmp_path)
    assert (running.rank, running.host, running.pid, running.state) == (
        2,
        host_name(),
        os.getpid(),
        "running",
    )
    assert is_running(tmp_path, 2)
    assert not is_running(tmp_path, 0)
    lines = [f"line {number}" for number in range(9)]
    record.set("failed", "\n".join([*lines, "    ~~~~^^^^", "ValueError: bad"]))
    (failed,) = read_records(tmp_path)
    assert failed.error.splitlines() == [*lines[-5:], "ValueError: bad"], "the last lines, without markers"
    assert not failed.users
    record.set("failed", "\n".join(lines), users=True)
    (failed,) = read_records(tmp_path)
    assert failed.error.splitlines() == lines, "what is for the user stays whole"
    assert failed.users
    assert failed.time >= running.time
    assert not is_running(tmp_path, 2)
    record.close()


def test_a_last_word_finds_place_where_no_new_file_does(tmp_path: Path) -> None:
    """As on a full disk, whose only space left is what a record has reserved."""
    record = RankFile(tmp_path, 0)
    path = tmp_path / RANKS / "rank-0.json"
    assert path.stat().st_size > RESERVED_BYTES
    (tmp_path / RANKS / f"rank-0.json.{os.getpid()}.tmp").mkdir()  # where a new one would be written first
    inode = path.stat().st_ino
    record.set("failed", "x" * 2 * RESERVED_BYTES)
    assert path.stat().st_ino == inode
    (written,) = read_records(tmp_path)
    assert written.state == "failed"
    assert written.error == "x" * (RESERVED_BYTES // 8)
    assert path.stat().st_size < RESERVED_BYTES, "the rest is cut off"


def test_a_folder_that_has_gone_is_not_worth_another_error(tmp_path: Path) -> None:
    record = RankFile(tmp_path, 0)
    (tmp_path / RANKS).rename(tmp_path / "elsewhere")
    record.set("failed", "ValueError: bad")
    assert read_records(tmp_path) == []


def test_records_of_the_launch_before_are_removed(folder: Path) -> None:
    RankRecord(0, "node0", 10).write(folder)
    remove_records(folder)
    remove_records(folder)
    assert not (folder / RANKS).exists()


def test_rank_0_waits_for_the_last_word_of_the_others(tmp_path: Path) -> None:
    record = RankFile(tmp_path, 0)
    other = RankRecord(1, "node1", 11)
    other.write(tmp_path)
    waiter = threading.Thread(target=record.wait_for_others, args=(2,), daemon=True)
    waiter.start()
    waiter.join(0.3)
    assert waiter.is_alive()
    RankRecord(1, "node1", 11, "done").write(tmp_path)
    waiter.join(20)
    assert not waiter.is_alive()


def test_a_record_that_is_being_replaced_is_passed_over(folder: Path) -> None:
    RankRecord(10, "node1", 11).write(folder)
    RankRecord(9, "node1", 10).write(folder)
    (folder / RANKS / "rank-1.json").write_text("")
    (folder / RANKS / "rank-2.json").write_text('{"rank": 2}')
    assert [record.rank for record in read_records(folder)] == [9, 10]
    assert not is_running(folder, 1)


def test_a_node_is_called_as_slurm_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURMD_NODENAME", raising=False)
    assert host_name() == socket.gethostname()
    monkeypatch.setenv("SLURMD_NODENAME", "gpu-17")
    assert host_name() == "gpu-17"


def test_faults_are_told_first_in_time_first(folder: Path) -> None:
    for rank, state, error, time in (
        (0, "failed", "Connection reset by peer", 100.5),
        (1, "running", "", 0.0),
        (2, "failed", "ValueError: bad", 99.0),
        (3, "running", "", 0.0),
        (4, "done", "", 98.0),
    ):
        RankRecord(rank, f"node{rank}", 10 + rank, state, error, time=time).write(folder)
    SilentEnds(folder).note([1], "Killed", 101.0)
    lines = describe_faults(folder)
    assert [line for line in lines if line.startswith("rank")] == [
        "rank 1 on node1 (pid 11) failed",
        "rank 2 on node2 (pid 12) failed",
        "rank 0 on node0 (pid 10) failed",
        "rank 3 on node3 (pid 13) ended without a word: killed, out of memory, or ended because of another rank",
    ]
    assert lines[1] == "    Killed without a word: killed from outside, or out of memory"


def test_an_end_after_anothers_failure_is_its_launchers_doing(folder: Path) -> None:
    RankRecord(0, "node0", 10, "failed", "ValueError: bad", time=50.0).write(folder)
    RankRecord(1, "node1", 11).write(folder)
    ends = SilentEnds(folder)
    ends.note([1], "Terminated", 60.0)
    ends.note([0], "Terminated", 60.0)
    first, second = faults(folder)
    assert (first.rank, first.error) == (0, "ValueError: bad"), "who has spoken keeps their word"
    assert second.error == "Terminated without a word: by its launcher, after another rank's failure"


def test_of_many_faults_the_first_are_told(folder: Path) -> None:
    for rank in range(7):
        RankRecord(rank, "node0", 10 + rank, "failed", "bad", time=float(rank)).write(folder)
    lines = describe_faults(folder)
    assert [line for line in lines if line.startswith("rank")] == [
        f"rank {rank} on node0 (pid {10 + rank}) failed" for rank in range(4)
    ]
    assert lines[-1] == f"… and 3 more in {folder / RANKS}"


def test_a_crash_of_the_interpreter_shows_where_it_was(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from pipeline.launch.ranks import RankFile\n"
        "def deep():\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
        "record = RankFile(Path(sys.argv[1]), 0); deep()"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert ended.returncode == -signal.SIGSEGV
    told = "\n".join(describe_faults(tmp_path))
    assert "Segmentation fault" in told
    assert "in deep" in told


def test_records_of_a_finished_launch_are_no_output(tmp_path: Path) -> None:
    partial = Store(tmp_path).partial("clean", "demo", "f" * 16)
    record = RankFile(partial, 0)
    record.wait_for_others(1)
    final = finish(partial, {}, hashed=record.close)
    assert [path.name for path in final.iterdir()] == ["manifest.json"]
    assert json.loads((final / "manifest.json").read_text())["outputs"] == {}
    record.set("failed")
    assert [path.name for path in final.iterdir()] == ["manifest.json"]
