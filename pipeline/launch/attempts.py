"""Whether a stage that has ended early may start again: the protocol between a worker and its supervisor."""

import json
from pathlib import Path

from pipeline.errors import Restart
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.store.artifacts import write_json
from pipeline.store.markers import NotDone, read_marker, write_marker
from pipeline.text.counts import counted

RESTART_CODE = 75
"""Exit code of workers that want to be started again (EX_TEMPFAIL)."""
RESTART_FILE, ATTEMPTS_FILE = "restart.json", "attempts.json"


def ask_for_restart(folder: Path, restart: Restart) -> None:
    """Written by rank 0, before any rank ends with `RESTART_CODE`."""
    write_json(folder / RESTART_FILE, {"reason": restart.reason, "step": restart.step})


def take_restart(folder: Path) -> Restart | None:
    """What the workers asked for, once: the file is deleted."""
    path = folder / RESTART_FILE
    try:
        asked = Restart(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, RecursionError):
        asked = None
    path.unlink(missing_ok=True)
    return asked


def newest_step(folder: Path) -> int:
    """Step of the newest complete checkpoint; -1 where there is none."""
    return max((checkpoint.step for checkpoint in list_checkpoints(folder)), default=-1)


class Attempts:
    """Counts launches in a row without a new checkpoint. The count outlives requeues of the same job."""

    def __init__(self, folder: Path, most: int, job: str | None):
        """Args: job: whose launches count; None counts in this process only."""
        self._folder, self._most, self._job = folder, most, job
        self._launches, self._step = 0, newest_step(folder)
        if job is not None:
            self._load(folder / ATTEMPTS_FILE)

    def _load(self, path: Path) -> None:
        try:
            kept = read_marker(path)
        except NotDone:
            return
        if kept["job"] == self._job:
            self._launches, self._step = kept["launches"], kept["step"]

    def begin(self) -> None:
        """Call before a launch: one that ends with its machine counts too."""
        self._launches = 1 if self._progressed() else self._launches + 1
        self._step = max(self._step, newest_step(self._folder))
        if self._job is not None:
            kept = {"job": self._job, "launches": self._launches, "step": self._step}
            write_marker(self._folder / ATTEMPTS_FILE, kept)

    def exhausted(self) -> bool:
        """Whether the launch that has ended was the last that is allowed."""
        return self._launches >= self._most and not self._progressed()

    def overdrawn(self) -> bool:
        """Whether the launch begun is one too many, as after a machine took its supervisor along."""
        return self._launches > self._most

    def _progressed(self) -> bool:
        return newest_step(self._folder) > self._step

    def __str__(self) -> str:
        """For the end of a message; empty where one launch is all that is allowed."""
        if self._most == 1:
            return ""
        return (
            f"; {counted(self._launches, 'launch', 'launches')} in a row without a new checkpoint "
            f"(launcher.attempts={self._most})"
        )
