"""Two starts of one stage: each state of its folder is held open with SIGSTOP, and another start comes in between.

The states are those of the table in docs/architecture.md.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.store import DISCARDED, SCRATCH, Store, finish
from pipeline.workplace import Workplace, begin, new_launch, phase_launch
from tests.command_line import OWN, ROOT, command, environment

BALLAST = 200 << 20
"""Bytes of a file without blocks that take a worker a moment to hash."""


def wait_for(condition: Callable[[], object], seconds: float = 60) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


class Stage:
    """The download stage of a small corpus, started again and again in one store."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder, self._stack = folder, stack
        (folder / "corpus.txt").write_text("A text of one line.\n")

    def start(self, *further: str, base: Sequence[str] = OWN) -> subprocess.Popen:
        words = ["stage=download", f"corpus.paths=[{self.folder / 'corpus.txt'}]", *further]
        planner = subprocess.Popen(
            command(self.folder, *words, base=base),
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._stack.callback(end, planner.pid)
        return planner

    def worker_of(self, planner: subprocess.Popen) -> int:
        """The pid of the worker, as soon as there is one."""

        def child() -> int | None:
            found = Path(f"/proc/{planner.pid}/task/{planner.pid}/children").read_text().split()
            words = [(int(pid), Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")) for pid in found]
            return next((pid for pid, said in words if b"pipeline.worker" in said), None)

        pid = wait_for(child)
        self._stack.callback(end, pid)
        return pid

    @property
    def partial(self) -> Path | None:
        return next(self.folder.glob("artifacts/download/*.partial"), None)

    @property
    def artifacts(self) -> list[Path]:
        return [path for path in self.folder.glob("artifacts/download/*") if path.is_dir()]

    def stop_while_it_hashes(self, planner: subprocess.Popen) -> int:
        """Hold the worker in the last thing that it does before the artifact is complete."""
        ballast = wait_for(lambda: self.partial) / "ballast"
        ballast.touch()
        os.truncate(ballast, BALLAST)
        worker = self.worker_of(planner)
        wait_for(lambda: is_reading(worker, ballast))
        os.kill(worker, signal.SIGSTOP)
        assert self.partial, "the worker was through already"
        return worker


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_reading(pid: int, path: Path) -> bool:
    folder = Path(f"/proc/{pid}/fd")
    for link in folder.iterdir():
        try:
            if link.readlink() == path.resolve():
                return True
        except OSError:  # closed meanwhile
            continue
    return False


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, stack)


def check_whole(stage: Stage) -> dict:
    """One artifact, and nothing beside it. Gives its manifest."""
    (artifact,) = stage.artifacts
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert set(manifest["outputs"]) >= {"log.txt", "stage.yaml", "source.json"}
    for name, facts in manifest["outputs"].items():
        assert (artifact / name).stat().st_size == facts["bytes"]
    assert {path.name for path in artifact.iterdir()} == {*manifest["outputs"], "manifest.json"}
    return manifest


def test_a_worker_that_hashes_without_its_planner_keeps_others_out(stage: Stage) -> None:
    first = stage.start()
    worker = stage.stop_while_it_hashes(first)
    first.kill()
    second = stage.start()
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 2, output
    assert f"a worker of an earlier start still works in {stage.partial} (rank 0: pid {worker} on " in output
    assert "Traceback" not in output
    os.kill(worker, signal.SIGCONT)
    wait_for(lambda: not stage.partial)
    check_whole(stage)


def test_what_a_worker_finishes_without_its_planner_is_reused_by_the_next(stage: Stage) -> None:
    first = stage.start()
    worker = stage.stop_while_it_hashes(first)
    first.kill()
    second = stage.start()
    wait_for(lambda: second_waits(stage, second))
    os.kill(worker, signal.SIGCONT)
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    assert "Traceback" not in output
    assert "reused" in output
    check_whole(stage)


def second_waits(stage: Stage, planner: subprocess.Popen) -> bool:
    """Whether the planner tries for the workers' lock."""
    return any(
        is_reading(planner.pid, path) for path in stage.folder.glob("artifacts/download/.*.workers.lock")
    )


def test_a_worker_that_starts_after_its_planner_was_replaced_ends(stage: Stage) -> None:
    first = stage.start()
    late = stage.worker_of(first)
    os.kill(late, signal.SIGSTOP)  # before it has asked for the lock: it imports
    first.kill()
    second = stage.start()
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    before = check_whole(stage)
    os.kill(late, signal.SIGCONT)
    said = first.communicate(timeout=60)[0]
    assert "is over: another one has taken its place, or has finished the stage" in said
    assert "Traceback" not in said
    assert check_whole(stage) == before


def test_a_planner_that_stands_still_is_named_and_its_death_lets_the_next_go_on(stage: Stage) -> None:
    first = stage.start()
    worker = stage.worker_of(first)
    for pid in (worker, first.pid):
        os.kill(pid, signal.SIGSTOP)
    second = stage.start()
    line = next(line for line in second.stdout if "another process" in line)
    assert f"another process (pid {first.pid} on " in line
    assert "builds the same artifact; waiting for it" in line
    os.kill(worker, signal.SIGKILL)
    first.kill()
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    check_whole(stage)


def test_a_worker_that_is_killed_while_it_hashes_leaves_what_the_next_finishes(stage: Stage) -> None:
    first = stage.start()
    worker = stage.stop_while_it_hashes(first)
    first.kill()
    os.kill(worker, signal.SIGKILL)
    (stage.partial / "ballast").unlink()
    second = stage.start()
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    check_whole(stage)


def test_a_worker_that_is_killed_after_the_rename_leaves_a_complete_stage(stage: Stage) -> None:
    """As where memory runs out while W&B ends its run."""
    tracked = [word for word in OWN if word != "tracking=none"]
    first = stage.start("tracking.mode=offline", "launcher.attempts=2", base=tracked)
    worker = stage.worker_of(first)
    wait_for(lambda: stage.artifacts and not stage.partial)
    os.kill(worker, signal.SIGSTOP)
    second = stage.start("tracking.mode=offline", base=tracked)
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    assert "reused" in output
    assert first.poll() is None, "the worker was through already"
    os.kill(worker, signal.SIGKILL)
    output = first.communicate(timeout=60)[0]
    assert first.returncode == 0, output
    assert "Traceback" not in output
    check_whole(stage)


def at_work(folder: Path, launch: str, stack: ExitStack) -> subprocess.Popen:
    """A process of the launch, at work in the folder until it reads a line, and as one that stands still."""
    code = (
        "import sys; from pathlib import Path; from pipeline.errors import told_to_user\n"
        "from pipeline.workplace import Workplace\n"
        "with told_to_user(), Workplace.of(Path(sys.argv[1])).occupied(sys.argv[2]):\n"
        "    print('works', flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(folder), launch]
    process = subprocess.Popen(words, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True)
    stack.callback(end, process.pid)
    return process


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def test_every_rank_of_a_launch_keeps_the_next_launch_out(tmp_path: Path, stack: ExitStack) -> None:
    folder = Store(tmp_path).partial("pretrain", "demo", "f" * 16)
    launch = new_launch(folder)
    begin(folder, launch)
    ranks = [at_work(folder, launch, stack) for _ in range(2)]
    assert [rank.stdout.readline() for rank in ranks] == ["works\n"] * 2
    ranks[0].kill()
    os.kill(ranks[1].pid, signal.SIGSTOP)
    with pytest.raises(UserError, match=r"a worker of an earlier start still works in .*demo-f{16}.partial"):
        Workplace.of(folder).vacant(0.3).__enter__()
    ranks[1].kill()
    with Workplace.of(folder).vacant(10):
        begin(folder, new_launch(folder))
    late = at_work(folder, launch, stack)
    assert "another one has taken its place" in late.communicate(timeout=60)[1]
    assert late.returncode == 2


def test_a_planner_that_stands_still_while_it_looks_keeps_workers_waiting(
    tmp_path: Path, stack: ExitStack
) -> None:
    folder = Store(tmp_path).partial("pretrain", "demo", "f" * 16)
    begin(folder, "launch")
    code = (
        "import sys; from pathlib import Path; from pipeline.workplace import Workplace\n"
        "with Workplace.of(Path(sys.argv[1])).vacant(10):\n"
        "    print('looks', flush=True); input()"
    )
    planner = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, stdin=-1, stdout=-1, text=True
    )
    stack.callback(end, planner.pid)
    assert planner.stdout.readline() == "looks\n"
    os.kill(planner.pid, signal.SIGSTOP)
    worker = at_work(folder, "launch", stack)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(timeout=5)
    planner.kill()
    assert worker.stdout.readline() == "works\n"
    worker.communicate("\n", timeout=60)


def test_tasks_of_one_phase_work_side_by_side_and_those_of_others_wait(
    tmp_path: Path, stack: ExitStack
) -> None:
    folder = Store(tmp_path).partial("clean", "demo", "f" * 16)
    extract, write = phase_launch("extract"), phase_launch("write")
    begin(folder, extract)
    first = at_work(folder, extract, stack)
    assert first.stdout.readline() == "works\n"
    os.kill(first.pid, signal.SIGSTOP)
    place = Workplace.of(folder)
    with place.vacant(0, unless=extract):
        second = at_work(folder, extract, stack)
        assert second.stdout.readline() == "works\n"
    second.communicate("\n", timeout=60)
    for other in (write, None):
        with pytest.raises(UserError, match=r"still works in .*\(phase extract\)"):
            place.vacant(0.3, unless=other).__enter__()
    os.kill(first.pid, signal.SIGCONT)
    first.communicate("\n", timeout=60)
    with place.vacant(10, unless=write):
        begin(folder, write)
    assert "another one has taken its place" in at_work(folder, extract, stack).communicate(timeout=60)[1]


def test_markers_of_phases_go_at_once_or_not_at_all(tmp_path: Path, stack: ExitStack) -> None:
    folder = Store(tmp_path).partial("clean", "demo", "f" * 16)
    (folder / "result.txt").write_text("text")
    for number in range(5_000):
        place = folder / SCRATCH / f"extract-{number % 100}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.json").touch()
    code = "import sys; from pathlib import Path; from pipeline.store import finish; finish(Path(sys.argv[1]), {})"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT)
    stack.callback(end, process.pid)
    wait_for((folder / DISCARDED).is_dir)
    os.kill(process.pid, signal.SIGSTOP)
    assert folder.is_dir(), "it was through already"
    assert not (folder / SCRATCH).exists()
    process.kill()
    process.wait()
    final = finish(folder, {"metrics": {}})
    assert {path.name for path in final.iterdir()} == {"result.txt", "manifest.json"}
