"""Tells of ranks that give no sign of life, and ends them where they do not come back.

A rank that ends is noticed by its launcher. One that stands still (SIGSTOP, a frozen node) is not: the other ranks wait
for it, for as long as their communication lets them.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.announce import Announce
from pipeline.launch.ranks import HEAD_START, RankRecord, read_records
from pipeline.machine import host_name
from pipeline.store.signs_of_life import beat_file

LOOK_SECONDS = 5.0
WARN_SECONDS = 60.0
LAUNCHER_SECONDS = 30.0
"""How long a launcher may take to notice that a rank was killed, and to end the others."""


@dataclass
class _Pulse:
    """What is known of a rank."""

    beat: int = 0
    """When the file was written last, by the clock of its file system; only a change of it counts."""
    at: str = "its start"
    """What it was at, as it has said last."""
    silent: float = 0.0
    warned: bool = False


class Watch:
    """Looks at the ranks of one launch, and ends those that have been silent for too long."""

    def __init__(self, folder: Path, timeout: float | None, announce: Announce):
        """Args: timeout: seconds of silence after which a rank is lost; None waits for ever."""
        self._folder, self._timeout, self._announce = folder, timeout, announce
        self._warn = WARN_SECONDS if timeout is None else min(WARN_SECONDS, timeout / 2)
        self._pulses: dict[int, _Pulse] = {}
        self._looked = time.monotonic()
        self._lost_at: float | None = None

    def over(self) -> bool:
        """Called again and again: whether the launch must be ended from outside, since a rank is lost.

        A lost rank's record says so. Where the rank is on this machine it is killed, and its launcher is given time
        to do the rest.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            # This process may have stood still itself (Ctrl-Z, a laptop that slept): that is no silence of others.
            self._look(min(now - self._looked, 2 * LOOK_SECONDS))
            self._looked = now
        return self._lost_at is not None and now - self._lost_at > LAUNCHER_SECONDS

    def _look(self, passed: float) -> None:
        for record in read_records(self._folder):
            if record.state != "running":
                continue
            pulse = self._pulses.setdefault(record.rank, _Pulse())
            beat, at = _last_beat(self._folder, record.rank)
            if beat != pulse.beat:
                if pulse.warned:
                    self._announce(f"{_name(record)} goes on")
                self._pulses[record.rank] = _Pulse(beat, at or pulse.at)
                continue
            pulse.silent += passed
            if self._timeout is not None and pulse.silent >= self._timeout:
                self._give_up(record, pulse)
            elif pulse.silent >= self._warn and not pulse.warned:
                pulse.warned = True
                self._announce(self._warning(record, pulse))

    def _warning(self, record: RankRecord, pulse: _Pulse) -> str:
        then = (
            ""
            if self._timeout is None
            else f"; after {self._timeout:.0f} s (launcher.rank_timeout) it is ended"
        )
        return (
            f"{_name(record)} gives no sign of life for {pulse.silent:.0f} s, last seen at {pulse.at}{then}"
        )

    def _give_up(self, record: RankRecord, pulse: _Pulse) -> None:
        error = f"no sign of life for {pulse.silent:.0f} s (launcher.rank_timeout), last seen at {pulse.at}"
        with suppress(OSError):
            replace(record, state="failed", error=error, time=time.time() - HEAD_START).write(self._folder)
        if record.host == host_name():
            with suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
        self._lost_at = self._lost_at or time.monotonic()


def _name(record: RankRecord) -> str:
    return f"rank {record.rank} on {record.host} (pid {record.pid})"


def _last_beat(folder: Path, rank: int) -> tuple[int, str]:
    """When the file was written, and what it says: nothing where its rank was stopped while it wrote.

    It is opened, since network file systems may answer a mere question for its time from memory.
    """
    with suppress(OSError), beat_file(folder, rank).open() as file:
        return os.fstat(file.fileno()).st_mtime_ns, file.read()
    return 0, ""
