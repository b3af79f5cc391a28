"""sha256 of files, remembered: a file that nobody has touched is read once."""

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

SETTLED_NS = 2_000_000_000
"""A file that was written a moment ago may be written again within the same tick of the file system's clock, which
would not be seen: its hash is not remembered."""


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


Remembered = list[int | str]
"""What tells that a file is the same, and at the end its sha256."""


class HashMemory:
    """sha256 of files in a small JSON file, each with what tells that the file is still the same: its size, the times
    of its last writing and of its last change of any kind, and its inode.

    The time of writing alone is not enough: `cp -p`, `rsync -t`, `tar` and `touch` set it as they like. That of the
    last change is the system's own.
    """

    def __init__(self, cache: Path):
        self._cache = cache
        self._known = self._read()
        self._new: dict[str, Remembered] = {}

    def _read(self) -> dict[str, Remembered]:
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self._cache.read_text())
            return known if isinstance(known, dict) else {}
        return {}

    def sha256(self, path: Path, name: str | None = None) -> str:
        """The file's hash, read anew where the file may have changed. `save` keeps it.

        Args:
            name: under which it is remembered; None takes its absolute path.
        """
        name = str(path.resolve()) if name is None else name
        stat = path.stat()  # before it is read: what is written meanwhile is then seen
        now, stamp = time.time_ns(), _stamp(stat)
        known = self._new.get(name) or self._known.get(name)
        if isinstance(known, list) and known[:-1] == stamp:
            return str(known[-1])
        digest = hash_file(path)
        self._learn(name, stat, now, digest)
        return digest

    def learn(self, path: Path, name: str, digest: str) -> None:
        """Remember a file's hash that is known otherwise."""
        self._learn(name, path.stat(), time.time_ns(), digest)

    def _learn(self, name: str, stat: os.stat_result, now: int, digest: str) -> None:
        if now - max(stat.st_mtime_ns, stat.st_ctime_ns) > SETTLED_NS:
            self._new[name] = [*_stamp(stat), digest]

    def knows(self, path: Path, name: str) -> bool:
        """Whether the hash is remembered, so that the file need not be read."""
        known = self._new.get(name) or self._known.get(name)
        return isinstance(known, list) and known[:-1] == _stamp(path.stat())

    def save(self) -> None:
        """Keep what was learnt, beside what others have by now. It is a memory only: where it cannot be written, as in
        a store that one may only read, files are read again."""
        if not self._new:
            return
        self._known = {**self._read(), **self._new}
        self._new = {}
        scratch = self._cache.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(self._known))
            scratch.replace(self._cache)


def _stamp(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
