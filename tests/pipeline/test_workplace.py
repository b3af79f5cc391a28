"""Who may work in a stage's folder beside whom, with processes that hold its lock and stand still."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.launch.workplace import Workplace, begin, new_launch, phase_launch
from pipeline.store.artifacts import DISCARDED, SCRATCH, Store, finish
from tests.command_line import ROOT
from tests.pipeline.starts import end, wait_for


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def at_work(folder: Path, launch: str, stack: ExitStack) -> subprocess.Popen:
    """A process of the launch, at work in the folder until it reads a line, and as one that stands still."""
    code = (
        "import sys; from pathlib import Path; from pipeline.errors import exit_on_user_error\n"
        "from pipeline.launch.workplace import Workplace\n"
        "with exit_on_user_error(), Workplace.of(Path(sys.argv[1])).occupied(sys.argv[2]):\n"
        "    print('works', flush=True); input()"
    )
    words = [sys.executable, "-c", code, str(folder), launch]
    process = subprocess.Popen(words, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True)
    stack.callback(end, process.pid)
    return process


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
        "import sys; from pathlib import Path; from pipeline.launch.workplace import Workplace\n"
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
    code = (
        "import sys; from pathlib import Path; from pipeline.store.artifacts import finish; "
        "finish(Path(sys.argv[1]), {})"
    )
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
