"""Who works in the folder of a stage that is being made: one launch at a time.

All processes that write there share a lock on a file beside the folder, for as long as they live. A planner that
wants to begin a launch takes this lock alone for a moment, so it knows that nobody is at work, and writes the id of
its launch into the folder. A worker that comes late, because its planner was killed while it started, finds another
id and ends.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import UserError
from pipeline.launch.ranks import RankRecord, read_records
from pipeline.machine import host_name
from pipeline.store import locks
from pipeline.store.artifacts import LAUNCH_FILE, PARTIAL, write_json

WORKER_SECONDS = 10.0
"""How long a planner waits for the end of an earlier launch's workers."""


class Workplace:
    """The folder in which an artifact is made, whether it is there yet or not."""

    def __init__(self, place: Path, fingerprint: str):
        """Args: place: the folder of all artifacts of the stage."""
        self._place, self._fingerprint = place, fingerprint
        self._lock = place / f".{fingerprint}.workers.lock"

    @classmethod
    def of(cls, folder: Path) -> "Workplace":
        """From the name of a partial folder."""
        return cls(folder.parent, folder.name.removesuffix(PARTIAL).rpartition("-")[2])

    @contextmanager
    def vacant(self, patience: float, unless: str | None = None) -> Generator[None]:
        """Held while nobody works in the folder, and nobody can begin to.

        Args:
            patience: seconds to wait for those who still work there.
            unless: id of a launch; where it is the one that works there, others of it may go on meanwhile.

        Raises:
            UserError: where some still work there after that time.
        """
        same = locks.never if unless is None else lambda: self._launch() == unless
        with locks.hold(self._lock, self._impatience(patience), same):
            yield

    @contextmanager
    def occupied(self, launch: str) -> Generator[None]:
        """Held by a process of the launch while it writes into the folder.

        Raises:
            UserError: where another launch has begun since, or the stage is finished.
        """
        with locks.hold(self._lock, waiting=lambda: None, shared=lambda: True):
            if self._launch() != launch:
                raise UserError(
                    f"this start of {self._place.name}-{self._fingerprint} (pid {os.getpid()} on {host_name()}) is "
                    "over: another one has taken its place, or has finished the stage"
                )
            yield

    def _folder(self) -> Path | None:
        return next(self._place.glob(f"*-{self._fingerprint}{PARTIAL}"), None)

    def _launch(self) -> str | None:
        folder = self._folder()
        return read_launch(folder).get("id") if folder else None

    def _impatience(self, patience: float) -> Callable[[], None]:
        deadline = time.monotonic() + patience

        def wait() -> None:
            folder = self._folder()
            if time.monotonic() >= deadline:
                raise UserError(
                    f"a worker of an earlier start still works in {folder} ({_describe(folder)}); wait until it "
                    "ends, or stop it, and start again"
                )

        return wait


def new_launch(folder: Path) -> str:
    """An id that no other launch has."""
    return f"{folder.name.removesuffix(PARTIAL).rpartition('-')[2]}-{uuid.uuid4().hex[:8]}"


def phase_launch(phase: str) -> str:
    """The id that all tasks of a phase share, whichever job they belong to: they may work side by side."""
    return f"phase {phase}"


def begin(folder: Path, launch: str) -> None:
    """Let the processes of the launch work in the folder, and no others. Called while it is vacant."""
    if read_launch(folder).get("id") != launch:
        write_json(folder / LAUNCH_FILE, {"id": launch})


def read_launch(folder: Path) -> dict[str, str]:
    """The launch that may work in the folder: its `id`, and the `endpoint` where other machines may take part; empty
    where there is none."""
    with suppress(OSError, ValueError):
        return json.loads((folder / LAUNCH_FILE).read_text())
    return {}


def _describe(folder: Path | None) -> str:
    """Those who are at work, as far as they have said so."""
    if folder is None:
        return "unknown"
    alive = [record for record in read_records(folder) if not _has_ended(record)]
    ranks = [f"rank {record.rank}: pid {record.pid} on {record.host}" for record in alive]
    return ", ".join(ranks) or read_launch(folder).get("id", "unknown")


def _has_ended(record: RankRecord) -> bool:
    if record.host != host_name():
        return False
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        pass
    return False
