"""What a supervisor makes of the ends of its launches."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import Restart, Stopped, UserError
from pipeline.launch import supervise as module
from pipeline.launch.attempts import RESTART_CODE, Attempts, ask_for_restart
from pipeline.launch.ranks import RankRecord, read_records
from pipeline.launch.supervise import TOLD_CODE, Ended, run_command, supervise
from pipeline.launch.time_at_work import earlier_times
from pipeline.launch.workplace import Workplace, begin, read_launch
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
    told = r"^stopped, as it was asked to\. Its training is saved up to step 3; give the same command again to go on"
    with pytest.raises(Stopped, match=told):
        Launches(folder, asks_for("preempted", 3)).supervise(attempts=3)

    def requeue(why: str) -> None:
        raise SystemExit(why)

    with pytest.raises(SystemExit, match=r"^stopped at step 3$"):
        Launches(folder, asks_for("preempted", 3)).supervise(attempts=3, requeue=requeue)


def test_the_time_of_launches_that_were_stopped_is_kept(folder: Path) -> None:
    def stopped(began: float, ended: float) -> Callable[[Path], Ended]:
        return asks_for("preempted", 7, RankRecord(0, "node0", 10, "restart", time=ended, started=began))

    for launch in (stopped(1000, 1073.5), stopped(2000, 2010), fails()):
        with pytest.raises((Stopped, UserError)):
            Launches(folder, launch).supervise()
    assert earlier_times(folder) == [73.5, 10]


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


def test_several_ranks_that_only_the_user_can_help_are_told_and_not_tried_again(folder: Path) -> None:
    users = [RankRecord(r, "node0", 10 + r, "failed", "out of memory", users=True) for r in (0, 1)]
    launches = Launches(folder, fails(*users))
    with pytest.raises(UserError, match=r"^failed \(exit code 1\); its log: .*log.txt\. Start again"):
        launches.supervise(attempts=3)
    assert [line for line in launches.said if line.startswith("rank")] == [
        "rank 0 on node0 (pid 10) failed",
        "rank 1 on node0 (pid 11) failed",
    ]


def test_a_worker_that_had_no_room_for_its_last_word_has_told_the_reason(folder: Path) -> None:
    launches = Launches(folder, lambda place: Ended(TOLD_CODE))
    with pytest.raises(UserError, match=r"^failed, for the reason above; its log: "):
        launches.supervise(attempts=3)


def test_a_launch_that_was_told_to_stop_is_not_begun_again(folder: Path) -> None:
    told = Launches(folder, lambda place: Ended(-signal.SIGTERM, told_to_stop=True))
    with pytest.raises(
        Stopped, match=r"^stopped, as it was asked to\. What it had finished is kept; give the same "
    ):
        told.supervise(attempts=3)


def test_what_failed_is_queued_again_as_often_as_allowed(folder: Path) -> None:
    def requeue(why: str) -> None:
        raise SystemExit(why)

    with pytest.raises(SystemExit, match=r"^failed \(exit code 1\)$"):
        Launches(folder, fails(FAILED)).supervise(attempts=2, requeue=requeue)
    with pytest.raises(UserError, match=r"^failed \(exit code 1\); its log: "):
        Launches(folder, fails(FAILED)).supervise(attempts=1, requeue=requeue)


def test_a_job_that_came_back_too_often_without_a_word_is_not_launched(folder: Path) -> None:
    """As where its node went down each time, and took the supervisor along."""
    for _ in range(2):
        Attempts(folder, 2, "7").begin()
    with pytest.raises(UserError, match=r"^ended early; 3 launches in a row without a new checkpoint"):
        supervise(folder, lambda name: Ended(0), Attempts(folder, 2, "7"), lambda line: None)


def test_nothing_is_launched_beside_a_worker_of_the_launch_before(folder: Path) -> None:
    begin(folder, "before")
    with Workplace.of(folder).occupied("before"), pytest.raises(UserError, match="still works in"):
        supervise(folder, lambda name: Ended(0), Attempts(folder, 1, None), lambda line: None, patience=0)
    assert read_launch(folder)["id"] == "before"


def test_an_artifact_that_is_complete_makes_up_for_a_bad_end(folder: Path) -> None:
    def renames(place: Path) -> Ended:
        place.rename(place.with_suffix(""))
        return Ended(1)

    Launches(folder, renames).supervise()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_passed_on_to_the_workers(number: signal.Signals, folder: Path) -> None:
    def tell() -> None:
        wait_for(lambda: read_records(folder))  # the signal's handler stands before the command starts
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=tell, daemon=True).start()
    command = [sys.executable, "-c", AT_WORK, str(folder), os.uname().nodename]
    assert run_command(command, os.environ, folder) == Ended(RESTART_CODE, told_to_stop=True)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_is_ended_when_its_launch_is_over(folder: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    assert run_command(command, os.environ, folder, over=lambda: True) == Ended(-signal.SIGTERM)


def test_a_command_that_does_not_end_when_it_should_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_SECONDS", 0.2)
    deaf = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)"
    )
    command = [sys.executable, "-c", deaf, str(folder / "deaf")]
    assert run_command(command, os.environ, folder, over=(folder / "deaf").exists) == Ended(-signal.SIGKILL)


def test_a_command_whose_workers_do_not_come_up_is_told_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNANSWERED_SECONDS", 0.2)
    command = [
        sys.executable,
        "-c",
        "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)",
        str(folder / "up"),
    ]

    def tell() -> bool:
        if (folder / "up").exists():
            (folder / "up").unlink()
            os.kill(os.getpid(), signal.SIGUSR1)
        return False

    assert run_command(command, os.environ, folder, over=tell) == Ended(-signal.SIGTERM, told_to_stop=True)


def test_a_second_interrupt_ends_what_does_not_answer_the_first(
    folder: Path, capfd: pytest.CaptureFixture
) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)",
        str(folder / "up"),
    ]
    sent: list[int] = []

    def interrupt() -> bool:
        if (folder / "up").exists() and len(sent) < 2:
            os.kill(os.getpid(), signal.SIGINT)
            sent.append(signal.SIGINT)
        return False

    assert run_command(command, os.environ, folder, over=interrupt) == Ended(
        -signal.SIGTERM, told_to_stop=True
    )
    assert (
        "asked to stop: what is under way is saved first; Ctrl-C again ends it at once\n"
        in capfd.readouterr().out
    )


def test_each_line_of_stderr_is_shown_and_handed_on(folder: Path, capfd: pytest.CaptureFixture) -> None:
    lines: list[str] = []
    command = [sys.executable, "-c", "import sys; sys.stderr.write('one\\ntwo\\n')"]
    assert run_command(command, os.environ, folder, read_error=lines.append) == Ended(0)
    assert lines == ["one\n", "two\n"]
    assert capfd.readouterr().err == "one\ntwo\n"
