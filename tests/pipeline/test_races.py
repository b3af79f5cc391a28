"""Two starts of one stage: each state of its folder is held open with SIGSTOP, and another start comes in between.

The states are those of the table in docs/architecture.md.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.command_line import OWN
from tests.pipeline.starts import Stage, check_whole, is_reading, wait_for
from tests.warm.process import PipedProcess


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, stack)


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


def second_waits(stage: Stage, planner: PipedProcess) -> bool:
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


def test_the_time_of_a_stage_counts_the_starts_that_were_killed(stage: Stage) -> None:
    first = stage.start()
    worker = stage.stop_while_it_hashes(first)
    first.kill()
    began = json.loads((stage.partial / "ranks/rank-0.json").read_text())["started"]
    os.utime(stage.partial / "ranks/rank-0.beat", (began + 100, began + 100))  # its last sign of life
    os.kill(worker, signal.SIGKILL)
    (stage.partial / "ballast").unlink()
    output = stage.start().communicate(timeout=60)[0]
    manifest = check_whole(stage)
    assert 100 < manifest["seconds"] < 160
    assert manifest["launches"] == 2
    assert f"{manifest['seconds']:.0f} s in 2 starts" in output


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
