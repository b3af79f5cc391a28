"""Runs a stage's workers to their end, says who failed, and starts them again where that helps."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, NoReturn

from pipeline.announce import Announce, announce
from pipeline.errors import Restart, Stopped, UserError
from pipeline.launch.attempts import Attempts, newest_step, take_restart
from pipeline.launch.ranks import describe_faults, read_records, remove_records
from pipeline.launch.stop_signals import SIGNALS, starting_deaf_to_interrupts
from pipeline.launch.time_at_work import keep_time
from pipeline.launch.workplace import WORKER_SECONDS, Workplace, begin, new_launch
from pipeline.machine import host_name

POLL_SECONDS = 0.1
TOLD_CODE = 2
"""Of a worker that has told the user what is wrong."""
STOPPING = "asked to stop: what is under way is saved first"
AGAIN = "; Ctrl-C again ends it at once"
REUSE = "Start again to continue: finished stages are reused"
END_SECONDS = 60.0
"""How long a launcher may take to end its workers; torchrun's agent gives them 30 s."""
UNANSWERED_SECONDS = 10.0
"""How long a launch that was told to stop may take to have a worker that can be told."""


@dataclass(frozen=True)
class Ended:
    """How a launch ended."""

    code: int
    told_to_stop: bool = False


Launch = Callable[[str], Ended]
"""Given the launch's id, starts its workers and stays with them to their end."""


def supervise(
    folder: Path,
    launch: Launch,
    attempts: Attempts,
    announce: Announce,
    requeue: Callable[[str], NoReturn] | None = None,
    patience: float = WORKER_SECONDS,
) -> None:
    """Launch until the stage is done.

    Args:
        patience: seconds to wait for workers of an earlier launch that have not ended yet.
        requeue: gives the place back and starts again later; None launches again at once, and stops when told to.

    Raises:
        UserError: where it fails for good.
        Stopped: where it was told to stop.
    """
    counts = True
    while True:
        launched = begin_launch(folder, patience)
        if counts:
            attempts.begin()
        if attempts.overdrawn():
            raise UserError(f"ended early{attempts}. {REUSE}")
        ended = launch(launched)
        if ended.code == 0 or not folder.is_dir():  # renamed: it was complete when a worker ended badly
            return
        restart = _agreed_restart(folder)
        counts = restart is None or restart.reason != "rollback"
        if restart is not None and not counts:
            announce(f"rolled back to step {restart.step:,}; launching again")
            continue
        if restart is not None or ended.told_to_stop:
            step = restart.step if restart else newest_step(folder)
            if requeue is None:
                raise Stopped(_stopped(step))
            why = f"stopped at step {step:,}" if step > 0 else "stopped"
        else:
            why = _explain_failure(folder, ended, announce)
        if attempts.exhausted():
            raise UserError(f"{why}{attempts}; its log: {folder / 'log.txt'}. {REUSE}")
        if requeue is not None:
            requeue(why)
        announce(f"{why}; launching again")


def begin_launch(folder: Path, patience: float) -> str:
    """Clear what the last launch left. Gives the id of the next, the only one that may work in the folder from here on.

    Raises:
        UserError: where a worker of the last launch still runs after `patience` seconds.
    """
    launch = new_launch(folder)
    with Workplace.of(folder).vacant(patience):
        keep_time(folder)
        remove_records(folder)
        take_restart(folder)
        begin(folder, launch)
    return launch


def run_command(
    command: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    over: Callable[[], bool] = lambda: False,
    read_error: Callable[[str], None] | None = None,
) -> Ended:
    """Run a command that starts workers on this machine.

    The signals that ask to stop are passed on to the workers. An interrupt may reach them from the terminal, too, so
    they are sent SIGTERM for it: a second interrupt means more than the first.

    Args:
        over: asked while it runs; where it becomes true the command is ended.
        read_error: given each line that the command writes to stderr, which is shown all the same.
    """
    seen: set[int] = set()
    told = False
    with _signals() as received:
        with starting_deaf_to_interrupts():
            process = subprocess.Popen(command, env=dict(env), stderr=subprocess.PIPE if read_error else None)
        reader = Thread(target=_pass_on, args=(process.stderr, read_error)) if read_error else None
        if reader:
            reader.start()
        told_at = None
        while process.poll() is None:
            if received:
                interrupted = received[0] == signal.SIGINT
                if told_at is None:
                    told_at = time.monotonic()
                    announce(STOPPING + (AGAIN if interrupted else ""))
                told |= _tell_workers(folder, signal.SIGTERM if interrupted else received[0], seen)
                if not told and time.monotonic() - told_at > UNANSWERED_SECONDS:
                    process.terminate()
            if over() or received.count(signal.SIGINT) > 1:
                _end(process)
            time.sleep(POLL_SECONDS)
        if reader:
            reader.join()
    return Ended(process.returncode, told_to_stop=bool(received))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pass_on(lines: IO[bytes], read_error: Callable[[str], None]) -> None:
    for line in lines:
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
        read_error(line.decode(errors="replace"))


@contextmanager
def _signals() -> Generator[list[int]]:
    """Collects the signals that ask to stop, instead of dying of them."""
    received: list[int] = []
    before = {n: signal.signal(n, lambda number, frame: received.append(number)) for n in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_workers(folder: Path, number: int, seen: set[int]) -> bool:
    """Once each, as they appear. Returns whether one was told.

    Args:
        seen: ranks whose records were read; each is read once.
    """
    told = False
    for record in read_records(folder, known=seen):
        seen.add(record.rank)
        if record.host == host_name() and record.state == "running":
            told = True
            with suppress(ProcessLookupError):
                os.kill(record.pid, number)
    return told


def _agreed_restart(folder: Path) -> Restart | None:
    """The restart that rank 0 asked for, where no rank failed: one that ends kills the others, as if told to stop."""
    restart = take_restart(folder)
    agreed = all(record.state in ("restart", "done") for record in read_records(folder))
    return restart if agreed else None


def _stopped(step: int) -> str:
    """What a stage's name stands before."""
    kept = f"Its training is saved up to step {step:,}" if step > 0 else "What it had finished is kept"
    return f"stopped, as it was asked to. {kept}; give the same command again to go on from there"


def _explain_failure(folder: Path, ended: Ended, announce: Announce) -> str:
    """Show the ranks at fault.

    Raises:
        UserError: where another launch would fail alike.
    """
    records = read_records(folder)
    if len(records) == 1 and records[0].users:  # the worker has told it already, in its log
        raise UserError(f"{records[0].error}\nIts log: {folder / 'log.txt'}. {REUSE}")
    if ended.code == TOLD_CODE and len(records) <= 1:  # told too, where no disk space was left to note it
        raise UserError(f"failed, for the reason above; its log: {folder / 'log.txt'}. {REUSE}")
    for line in describe_faults(folder):
        announce(line)
    if any(record.users for record in records):
        raise UserError(f"failed (exit code {ended.code}); its log: {folder / 'log.txt'}. {REUSE}")
    return f"failed (exit code {ended.code})"
