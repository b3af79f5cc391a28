"""What each rank of a launch came to: small files in the stage's folder, and who was at fault."""

import contextlib
import faulthandler
import json
import math
import os
import re
import shutil
import time
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.activity import Activity
from pipeline.launch.heartbeat import Heartbeat
from pipeline.machine import host_name
from pipeline.store.artifacts import RANKS as FOLDER
from pipeline.store.artifacts import write_json

ERROR_LINES = 6
MARKER = re.compile(r"\s*[~^]+")
LAST_WORDS_SECONDS = 30.0
RESERVED_BYTES = 4096
HEAD_START = 3.0
"""Seconds by which the peers of a rank that is killed may notice before its launcher does."""


SCAN_SECONDS = 1.0
"""How often the records of all ranks may be read; shorter than `HEAD_START`, so that nothing is missed."""


State = Literal["running", "restart", "done", "failed"]


@dataclass(frozen=True)
class RankRecord:
    """The life of one worker: `ranks/rank-<rank>.json`."""

    rank: int
    host: str
    pid: int
    state: State = "running"
    """One that stays `running` when its launch is over ended without a word."""
    error: str = ""
    """The last lines of what went wrong; the whole message where it is for the user."""
    users: bool = False
    """Whether only the user can mend it, so that another launch would fail alike."""
    time: float = 0.0
    """When this was so."""
    started: float = 0.0
    """When it began."""

    def write(self, folder: Path) -> None:
        write_json(_file(folder, self.rank), asdict(self))

    def reserve(self, folder: Path) -> None:
        """Take the space that `overwrite` needs."""
        with _file(folder, self.rank).open("a", encoding="utf-8") as file:
            file.write(" " * RESERVED_BYTES)

    def overwrite(self, folder: Path) -> None:
        """Write in place of the last record, for a disk on which there is no space for another file."""
        text = json.dumps({**asdict(self), "error": self.error[: RESERVED_BYTES // 8]})
        with _file(folder, self.rank).open("r+", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            file.truncate()


def _file(folder: Path, rank: int) -> Path:
    return folder / FOLDER / f"rank-{rank}.json"


class RankFile:
    """A worker's own record, and its signs of life while it runs. Crashes of the interpreter leave their stacks in
    `rank-<rank>.fault`."""

    def __init__(self, folder: Path, rank: int):
        self._folder = folder
        (folder / FOLDER).mkdir(exist_ok=True)
        now = time.time()
        self._record = RankRecord(rank, host_name(), os.getpid(), time=now, started=now)
        self._record.write(folder)
        self._record.reserve(folder)
        self._fault = _fault_file(folder, rank).open("w")
        faulthandler.enable(self._fault)
        self.activity = Activity()
        self._heartbeat = Heartbeat(folder, rank, self.activity)

    def set(self, state: State, error: str = "", users: bool = False) -> None:
        """Note a new state. A full disk, or a folder that has been moved away, is not worth another error."""
        lines = [line for line in error.strip().splitlines() if not MARKER.fullmatch(line)]
        last = "\n".join(lines if users else lines[-ERROR_LINES:])
        self._heartbeat.stop()  # every further state is a last one
        record = replace(self._record, state=state, error=last, users=users, time=time.time())
        try:
            record.write(self._folder)
        except OSError:
            with contextlib.suppress(OSError):
                record.overwrite(self._folder)

    def wait_for_others(self, world_size: int) -> None:
        """Called by rank 0 at the end: others may still be writing their last."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        done: set[int] = set()
        while len(done) < world_size - 1:
            done.update(r.rank for r in read_records(self._folder, known=done) if r.state == "done")
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)

    def close(self) -> None:
        """Note that all is done. Nothing is written below `ranks/` from here on, so that it can be deleted."""
        self.set("done")
        faulthandler.disable()
        self._fault.close()  # network file systems keep what is open when its folder is deleted


def _fault_file(folder: Path, rank: int) -> Path:
    return folder / FOLDER / f"rank-{rank}.fault"


def remove_records(folder: Path) -> None:
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def read_records(folder: Path, known: Container[int] = ()) -> list[RankRecord]:
    """The records of all ranks, by rank, without those that are known."""
    found = [
        _read(path)
        for path in (folder / FOLDER).glob("rank-*.json")
        if int(path.stem.removeprefix("rank-")) not in known
    ]
    return sorted((record for record in found if record), key=lambda record: record.rank)


def read_record(folder: Path, rank: int) -> RankRecord | None:
    """None where there is none that can be read."""
    return _read(_file(folder, rank))


def _read(path: Path) -> RankRecord | None:
    with contextlib.suppress(OSError, ValueError, TypeError):  # being replaced
        return RankRecord(**json.loads(path.read_text()))
    return None


def is_running(folder: Path, rank: int) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(_file(folder, rank).read_text())["state"] == "running"
    return False


class SilentEnds:
    """Notes ranks that a launcher saw end and that have left no word themselves.

    Many may end at once, as told line by line: what is read of all ranks is read once a second.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._first_failure = math.inf
        self._looked = -math.inf

    def note(self, ranks: Iterable[int], how: str, when: float) -> None:
        """They ended by then, in such a way."""
        when -= HEAD_START
        late = self._failed_before(when)
        why = (
            "by its launcher, after another rank's failure"
            if late
            else "killed from outside, or out of memory"
        )
        for rank in ranks:
            record = read_record(self._folder, rank)
            if record is not None and record.state == "running":
                error = f"{how} without a word: {why}"
                replace(record, state="failed", error=error, time=when).write(self._folder)
                self._first_failure = min(self._first_failure, when)

    def _failed_before(self, when: float) -> bool:
        if self._first_failure >= when and time.monotonic() - self._looked > SCAN_SECONDS:
            self._looked = time.monotonic()
            failed = [record.time for record in read_records(self._folder) if record.state == "failed"]
            self._first_failure = min(failed, default=math.inf)
        return self._first_failure < when


def faults(folder: Path) -> list[RankRecord]:
    """Ranks at fault in a launch that is over, the first in time first; then those that ended without a word."""
    records = read_records(folder)
    failed = sorted((r for r in records if r.state == "failed"), key=lambda record: record.time)
    return failed + [r for r in records if r.state == "running"]


def _crashed_thread(crash: str) -> list[str]:
    """What faulthandler says of a crash, without the stacks of other threads that it puts first."""
    why, _, rest = crash.partition("\n")
    return [line for line in (why, *rest[max(rest.find("Current thread"), 0) :].splitlines()) if line]


def describe_faults(folder: Path, most: int = 4) -> list[str]:
    """Lines for the user: rank, host and last lines of each."""
    lines: list[str] = []
    found = faults(folder)
    for record in found[:most]:
        fault = _fault_file(folder, record.rank)
        crash = fault.read_text(errors="replace").strip() if fault.is_file() else ""
        said = record.error or "\n".join(_crashed_thread(crash)[:ERROR_LINES])
        how = (
            "failed"
            if said
            else "ended without a word: killed, out of memory, or ended because of another rank"
        )
        lines.append(f"rank {record.rank} on {record.host} (pid {record.pid}) {how}")
        lines += [f"    {line}" for line in said.splitlines()]
    if len(found) > most:
        lines.append(f"… and {len(found) - most} more in {folder / FOLDER}")
    return lines
