"""Stays with submitted jobs: their states, their logs, and the table of them."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.errors import UserError
from pipeline.launch.slurm import client as slurm_client
from pipeline.launch.slurm.submission import Job, partition, shape

POLL_SECONDS = 2.0
SETTLE_SECONDS = 30.0
"""How long the store may take to show what a job on another node has finished."""


def print_jobs(jobs: Sequence[Job]) -> None:
    """One row per job."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "job", "partition", "nodes × tasks", "after", "log"):
        table.add_column(column, overflow="fold")
    for job in jobs:
        unit = job.unit
        nodes, tasks = shape(unit.frozen)
        table.add_row(
            unit.name,
            f"{job.id} (there already)" if job.joined else job.id,
            partition(unit.frozen) or "default",
            f"{nodes} × {tasks}" if unit.tasks == 1 else f"array of {unit.tasks}",
            ", ".join(job.after) or "-",
            os.path.relpath(job.log),
        )
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def stay(jobs: Sequence[Job], announce: Callable[[str], None]) -> None:
    """Show states and logs until all artifacts are there.

    Raises:
        UserError: where a job ends without its artifact, or the user interrupts; the jobs stay then.
    """
    try:
        for job in jobs:
            _stay_with(job, announce)
    except KeyboardInterrupt:
        ids = " ".join(job.id for job in jobs)
        raise UserError(
            f"the jobs stay queued: the same command follows them again, `scancel {ids}` ends them"
        ) from None


def _stay_with(job: Job, announce: Callable[[str], None]) -> None:
    log, before = _Tail(job.log), ("", "")
    while True:
        state, reason = slurm_client.states([job.id])[job.id]
        log.show()
        if (state, reason) != before and (state in ("PENDING", "RUNNING") or reason != "None"):
            detail = f" ({reason})" if reason not in ("", "None") else ""
            announce(f"{job.unit.name:<9} | job {job.id} is {state}{detail}")
        before = state, reason
        if state in slurm_client.FINAL or state == slurm_client.GONE:
            break
        time.sleep(POLL_SECONDS)
    ended_well = state in ("COMPLETED", slurm_client.GONE)
    deadline = time.monotonic() + (SETTLE_SECONDS if ended_well else 0)
    while not (job.unit.frozen.find() or (job.unit.phase and ended_well)):
        if time.monotonic() > deadline:
            raise UserError(
                f"stage {job.unit.name} failed: job {job.id} ended {state}; its log: {os.path.relpath(job.log)}. "
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
