"""Counts files that are opened and folders that are listed, by the interpreter's own audit events."""

import os
import sys
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

EVENTS = ("open", "os.listdir", "os.scandir")
WRITER = "checkpoint writer"
"""Name of the thread that writes a rank's part of a checkpoint."""


class Opens:
    """Of one stretch of a simulation, by rank."""

    def __init__(self, folder: Path):
        self.counts: Counter[int] = Counter()
        self._folder = str(folder)
        self._ranks: dict[int, int] = {}

    def this_thread_is(self, rank: int) -> None:
        self._ranks[threading.get_ident()] = rank

    def note(self, path: object) -> None:
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._folder):
            rank = self._ranks.get(threading.get_ident(), 0)
            if threading.current_thread().name == WRITER:  # of which rank, the file's name says
                stem = Path(os.fspath(path)).name.split(".")[0]
                rank = int(stem.removeprefix("rank-"))
            self.counts[rank] += 1


_counting: list[Opens] = []
_hooked = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _counting and event in EVENTS:
        _counting[-1].note(arguments[0])


@contextmanager
def counted_opens(folder: Path) -> Generator[Opens]:
    """Count what is opened below the folder."""
    global _hooked
    if not _hooked:  # a hook stays for as long as the process lives
        sys.addaudithook(_hook)
        _hooked = True
    opens = Opens(folder)
    _counting.append(opens)
    try:
        yield opens
    finally:
        _counting.pop()
