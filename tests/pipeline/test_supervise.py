"""What a supervisor makes of the ends of its launches."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import Restart, UserError
from pipeline.launch.attempts import RESTART_CODE, Attempts, ask_for_restart
from pipeline.launch.ranks import RankRecord, read_records
from pipeline.launch.supervise import Ended, run_command, supervise
from pipeline.launch.workplace import read_launch
from pipeline.store.artifacts import Store
from tests.pipeline.starts import wait_for

FAILED = RankRecord(1, "node1", 11, "failed", "ValueError: bad", time=1.0)
AT_WORK = """
import os, signal, sys, time
from pathlib import Path
from pipeline.launch.ranks import RankRecord
signal.signal(signal.SIGTERM, lambda *_: os._exit(75))
(Path(sys.argv[1]) / "ranks").mkdir()
RankRecord(0, sys.argv[2], os.getpid()).write(Path(sys.argv[1]))
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Store(tmp_path).partial("pretrain", "demo", "f" * 16)


class Launches:
    """Launches one of which ends after the other as it is told, and what was said meanwhile."""

    def __init__(self, folder: Path, *ends: Callable[[Path], Ended]):
        self._folder, self._ends = folder, list(ends)
        self.names: list[str] = []
        self.said: list[str] = []

    def __call__(self, name: str) -> Ended:
        assert read_launch(self._folder)["id"] == name, "no other launch may work there"
        assert not read_records(self._folder), "those of the launch before are gone"
        self.names.append(name)
        (self._folder / "ranks").mkdir()
        return self._ends.pop(0)(self._folder)

    def supervise(self, attempts: int = 1, requeue: Callable | None = None) -> None:
        supervise(self._folder, self, Attempts(self._folder, attempts, None), self.said.append, requeue)


def well(folder: Path) -> Ended:
    RankRecord(0, "node0", 10, "done").write(folder)
    return Ended(0)


def asks_for(reason: str, step: int, *others: RankRecord) -> Callable[[Path], Ended]:
    def end(folder: Path) -> Ended:
        ask_for_restart(folder, Restart(reason, step))
        for record in (RankRecord(0, "node0", 10, "restart"), *others):
            record.write(folder)
        return Ended(RESTART_CODE)

    return end


def fails(*records: RankRecord) -> Callable[[Path], Ended]:
    def end(folder: Path) -> Ended:
        for record in (RankRecord(0, "node0", 10, "running"), *records):
            record.write(folder)
        return Ended(1)

    return end


def test_a_rollback_is_launched_again_and_counts_as_no_attempt(folder: Path) -> None:
    launches = Launches(folder, asks_for("rollback", 4), asks_for("rollback", 4), well)
    launches.supervise(attempts=1)
    assert launches.said == ["rolled back to step 4; launching again"] * 2
    assert len(set(launches.names)) == 3


def test_who_is_told_to_stop_stops_or_is_queued_again(folder: Path) -> None:
    with pytest.raises(UserError, match=r"^stopped at step 3; start again to continue$"):
        Launches(folder, asks_for("preempted", 3)).supervise(attempts=3)

    def requeue(why: str) -> None:
        raise SystemExit(why)

    with pytest.raises(SystemExit, match=r"^stopped at step 3$"):
        Launches(folder, asks_for("preempted", 3)).supervise(attempts=3, requeue=requeue)


def test_a_failed_launch_is_started_again_as_often_as_allowed(folder: Path) -> None:
    launches = Launches(folder, fails(FAILED), fails(FAILED))
    with pytest.raises(
        UserError, match=r"^failed \(exit code 1\); 2 launches in a row without a new checkpoint"
    ):
        launches.supervise(attempts=2)
    assert launches.said.count("rank 1 on node1 (pid 11) failed") == 2
    assert "failed (exit code 1); launching again" in launches.said


def test_a_restart_is_none_where_a_rank_failed(folder: Path) -> None:
    """A launcher ends the others of a failed rank with the signal that asks to stop."""
    with pytest.raises(UserError, match=r"^failed \(exit code 75\)"):
        Launches(folder, asks_for("preempted", 3, FAILED)).supervise()


def test_what_only_the_user_can_mend_is_not_tried_again(folder: Path) -> None:
    users = RankRecord(0, "node0", 10, "failed", "optim.lr is too large", users=True)
    launches = Launches(folder, fails(users))
    with pytest.raises(UserError, match=r"^optim.lr is too large\nIts log: "):
        launches.supervise(attempts=3)
    assert launches.said == [], "the worker has said it"


def test_an_artifact_that_is_complete_makes_up_for_a_bad_end(folder: Path) -> None:
    def renames(place: Path) -> Ended:
        place.rename(place.with_suffix(""))
        return Ended(1)

    Launches(folder, renames).supervise()


def test_a_signal_is_passed_on_to_the_workers(folder: Path) -> None:
    def tell() -> None:
        wait_for(lambda: read_records(folder))  # the signal's handler stands before the command starts
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=tell, daemon=True).start()
    command = [sys.executable, "-c", AT_WORK, str(folder), os.uname().nodename]
    assert run_command(command, os.environ, folder) == Ended(RESTART_CODE, told_to_stop=True)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_is_ended_when_its_launch_is_over(folder: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert run_command(command, os.environ, folder, over=lambda: True) == Ended(-signal.SIGTERM)


def test_each_line_of_stderr_is_shown_and_handed_on(folder: Path, capfd: pytest.CaptureFixture) -> None:
    lines: list[str] = []
    command = [sys.executable, "-c", "import sys; sys.stderr.write('one\\ntwo\\n')"]
    assert run_command(command, os.environ, folder, read_error=lines.append) == Ended(0)
    assert lines == ["one\n", "two\n"]
    assert capfd.readouterr().err == "one\ntwo\n"
