"""Locks on files, for processes of one machine or of several that share a file system.

The kernel frees a lock when the last process that holds it has ended, however it ended: a kill leaves none behind.
"""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import UserError

POLL_SECONDS = 0.1
WAITING_SECONDS = 1.0
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


def never() -> bool:
    return False


@contextmanager
def hold(path: Path, waiting: Callable[[], None], shared: Callable[[], bool] = never) -> Generator[None]:
    """Hold the lock at `path`, a file that is made where it is absent and that stays.

    Args:
        waiting: called about every second while others hold the lock; gives up by raising.
        shared: whether to share the lock with others who share it, asked anew at each try; else it is held alone.

    Raises:
        UserError: where the file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        waited_at = None
        while not _try(file, shared):
            now = time.monotonic()
            if waited_at is None or now - waited_at >= WAITING_SECONDS:
                waiting()
                waited_at = time.monotonic()
            time.sleep(POLL_SECONDS)
        yield  # closing the file frees the lock, unless a forked process still works


def holder(path: Path) -> str:
    """Who held the lock alone last: `pid <pid> on <host>`; empty where nobody has."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _try(file: IO[str], shared: Callable[[], bool]) -> bool:
    share = shared()
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if share else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise UserError(
                f"the file system of {file.name} has no locks ({error.strerror}); put run.artifacts on one that has, "
                "or mount it with them (Lustre: `-o flock`)"
            ) from None
        raise
    if share and not shared():  # what it was shared for ended meanwhile
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
    if not share:
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
    return True
