"""Work over processes: order, read-ahead, errors, and workers that die."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_prep.parallel import pool as parallel
from data_prep.parallel.pool import ordered_map
from pipeline.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def square_slowly_at_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def numbers_then_error(count: int) -> Iterator[int]:
    yield from range(count)
    raise UserError("the file is cut")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_an_error_of_the_reader_after_them(workers: int) -> None:
    results = ordered_map(square_slowly_at_first, numbers_then_error(20), workers)
    assert [next(results) for _ in range(20)] == [number * number for number in range(20)]
    with pytest.raises(UserError, match="the file is cut"):
        next(results)


def test_no_more_is_read_ahead_than_said() -> None:
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        for number in range(1000):
            read += 1
            yield number

    results = ordered_map(square_slowly_at_first, items(), 2)
    for _ in range(10):
        next(results)
    assert read <= 10 + 6
    results.close()


def kill_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


INTERRUPTED = """
import os, signal, sys, threading, time
time.sleep(0.3)  # as imports take, in the workers too
from data_prep.parallel.pool import ordered_map
from pipeline.errors import exit_on_user_error
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that it is ignored
    threading.Timer(float(sys.argv[1]), lambda: os.killpg(0, signal.SIGINT)).start()
    with exit_on_user_error():
        list(ordered_map(time.sleep, [1] * 10, 2))
"""


@pytest.mark.parametrize("seconds", ["0.1", "0.2", "1.0"])
def test_ctrl_c_is_one_line_also_while_workers_start(tmp_path: Path, seconds: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(script), seconds],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (
        130,
        "stopped by Ctrl-C; give the same command again to go on\n",
    )


def test_a_worker_that_the_system_killed_is_explained() -> None:
    message = "was killed, most likely for want of memory; set clean.workers lower"
    with pytest.raises(UserError, match=message):
        list(ordered_map(kill_at_three, range(10), 2, "clean.workers"))
    with pytest.raises(UserError, match="ended with exit code 9"):
        list(ordered_map(die_at_three, range(10), 2))
    assert not multiprocessing.active_children()


class FirstWorkerStarts:
    """A function that arrives in the first worker, while what happens to the others is given."""

    def __init__(self, flag: Path, otherwise: str):
        self.flag, self.otherwise = flag, otherwise

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        try:
            self.flag.touch(exist_ok=False)
        except FileExistsError:
            {"killed": lambda: os.kill(os.getpid(), signal.SIGKILL), "stuck": lambda: time.sleep(60)}[
                self.otherwise
            ]()

    def __call__(self, number: int) -> int:
        return number


@pytest.mark.parametrize(
    ("otherwise", "message"), [("killed", "was killed"), ("stuck", "did not start within 3 s")]
)
def test_a_worker_that_does_not_come_up_is_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, otherwise: str, message: str
) -> None:
    if otherwise == "stuck":
        monkeypatch.setattr(parallel, "START_SECONDS", 3.0)
    with pytest.raises(UserError, match=message):
        list(ordered_map(FirstWorkerStarts(tmp_path / "flag", otherwise), range(10_000), 2))
    assert not multiprocessing.active_children()


def fail(number: int) -> int:
    raise ValueError(f"no {number}")


def test_an_error_in_a_worker_keeps_its_type_and_says_where() -> None:
    with pytest.raises(ValueError, match="no 0") as caught:
        list(ordered_map(fail, range(10), 2))
    assert "in fail" in "".join(caught.value.__notes__)


def test_workers_end_with_a_parent_that_was_killed() -> None:
    code = (
        "import os, time, multiprocessing\n"
        "from data_prep.parallel.pool import ordered_map\n"
        "if __name__ == '__main__':\n"
        "    results = ordered_map(abs, iter(range(1000)), 2)\n"
        "    next(results)\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    workers = [Path(f"/proc/{pid}") for pid in found.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def test_workers_end_within_an_item_with_a_parent_that_was_killed() -> None:
    code = (
        "import os, time, multiprocessing\n"
        "from data_prep.parallel.pool import ordered_map\n"
        "if __name__ == '__main__':\n"
        "    results = ordered_map(time.sleep, iter([0.0, 0.0, *[600.0] * 9]), 2)\n"
        "    next(results), next(results)\n"
        "    time.sleep(0.5)\n"
        "    print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    workers = [Path(f"/proc/{pid}") for pid in found.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def is_running(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
