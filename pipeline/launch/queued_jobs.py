"""Jobs that a scheduler was given: a table of them, and staying with them, their states and logs, to their end."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.announce import Announce
from pipeline.errors import Stopped, UserError
from pipeline.launch.units import Unit, shape

POLL_SECONDS = 2.0
SETTLE_SECONDS = 30.0
"""How long the store may take to show what a job on another node has finished."""


@dataclass(frozen=True)
class QueuedJob:
    """A submitted unit."""

    unit: Unit
    id: str
    queue: str
    """Where it waits for its turn."""
    after: list[str]
    """Ids of the jobs that must have succeeded before it starts."""
    log: Path
    joined: bool = False
    """Whether it was there already, queued or running."""


@dataclass(frozen=True)
class JobState:
    """What a scheduler says of a job."""

    name: str
    """As the scheduler calls the state."""
    reason: str = ""
    over: bool = False
    well: bool = False
    """Whether it is over and did not fail, as far as the scheduler knows."""
    routine: bool = False
    """Whether it is not worth a line."""


def print_jobs(jobs: Sequence[QueuedJob], queues: str) -> None:
    """Print one row per job.

    Args:
        queues: what the scheduler calls the places where jobs wait.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "job", queues, "nodes × tasks", "after", "log"):
        table.add_column(column, overflow="fold")
    for job in jobs:
        unit = job.unit
        nodes, tasks = shape(unit.spec)
        table.add_row(
            unit.name,
            f"{job.id} (there already)" if job.joined else job.id,
            job.queue,
            f"{nodes} × {tasks}" if unit.tasks == 1 else f"array of {unit.tasks}",
            ", ".join(job.after) or "-",
            os.path.relpath(job.log),
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def stay(jobs: Sequence[QueuedJob], look: Callable[[str], JobState], cancel: str, announce: Announce) -> None:
    """Show states and logs until all artifacts are there.

    Args:
        look: gives the state of the job with an id.
        cancel: the command with which a user ends jobs.

    Raises:
        UserError: where a job ends without its artifact, or the user interrupts; the jobs stay then.
    """
    try:
        for job in jobs:
            _stay_with(job, look, announce)
    except KeyboardInterrupt:
        ids = " ".join(job.id for job in jobs)
        raise Stopped(
            f"the jobs stay queued: the same command follows them again, `{cancel} {ids}` ends them"
        ) from None


def _stay_with(job: QueuedJob, look: Callable[[str], JobState], announce: Announce) -> None:
    log, before = _Tail(job.log), None
    while True:
        state = look(job.id)
        log.show()
        if state != before and not state.routine:
            detail = f" ({state.reason})" if state.reason else ""
            announce(f"{job.unit.name:<9} | job {job.id} is {state.name}{detail}")
        before = state
        if state.over:
            break
        time.sleep(POLL_SECONDS)
    deadline = time.monotonic() + (SETTLE_SECONDS if state.well else 0)
    while not (job.unit.spec.find() or (job.unit.phase and state.well)):
        if time.monotonic() > deadline:
            raise UserError(
                f"stage {job.unit.name} failed: job {job.id} ended {state.name}; its log: {os.path.relpath(job.log)}. "
                "Start again to continue: finished stages are reused"
            )
        time.sleep(1)
    log.show()


class _Tail:
    """Prints what is new in a growing file."""

    def __init__(self, path: Path):
        self._path, self._seen = path, 0

    def show(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._seen)
                new = file.read()
        except OSError:
            return
        self._seen += len(new)
        sys.stdout.write(new.decode(errors="replace"))
        sys.stdout.flush()
