"""What the operating system refuses (space, memory, access), whichever library passes it on, in words for the user."""

import errno
import os
import re
import socket
from collections.abc import Iterator

_NUMBER = re.compile(r"(?:os error |\[errno )(\d+)", re.IGNORECASE)
_FULL = re.compile(r"No space left on device|database or disk is full|\d+ requested and \d+ written")
_PLACE = (
    errno.ENAMETOOLONG,
    errno.EISDIR,
    errno.ELOOP,
    errno.EIO,
    errno.ESTALE,
    errno.EMFILE,
    errno.ENFILE,
    errno.ETXTBSY,
)
"""Where what the system says of a file is all that there is to tell."""


def system_message(error: BaseException) -> str | None:
    """What to tell the user, or None where the error is none of the system's."""
    if isinstance(error, MemoryError):
        return _out_of_memory(str(error))
    number, file = _number(error), getattr(error, "filename2", None) or getattr(error, "filename", None)
    where = f" while writing {os.fsdecode(file)}" if isinstance(file, str | bytes) else ""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}; free some space and start again: what is done so far is kept"
    if number == errno.EFBIG:
        return (
            f"a file became larger than the file system or `ulimit -f` allows{where}; raise the limit, or work on "
            "another disk, and start again: what is done so far is kept"
        )
    if number == errno.ENOMEM:
        return _out_of_memory("")
    return _of_place(error) if isinstance(error, OSError) else None


def is_unconnected(error: BaseException) -> bool:
    """Whether the machine has no connection to another one, whatever a library makes of that."""
    causes = (socket.gaierror, ConnectionError, TimeoutError)
    return any(isinstance(each, causes) for each in _chain(error))


def _out_of_memory(said: str) -> str:
    detail = f" ({said})" if said else ""
    return (
        f"out of memory{detail}; give it more memory, or use less: fewer workers (clean.workers, shards.workers), a "
        "smaller trainer.micro_batch. Start again to continue: what is done so far is kept"
    )


def _number(error: BaseException) -> int | None:
    """The system's number of an error, or of the one behind it; libraries that are not written in Python put it into
    the text alone."""
    for seen in _chain(error):
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen.errno
        if isinstance(seen, Exception):
            if _FULL.search(str(seen)):
                return errno.ENOSPC
            if found := _NUMBER.search(str(seen)):
                return int(found[1])
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what brought it about."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_place(error: OSError) -> str | None:
    if not error.filename:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else error.filename
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{name}: {_words(error)}; change its permissions (or those of its folder), or name "
            "another place, and start again"
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{name}: a file stands where a folder is needed; move it, or name another place"
    if error.errno in _PLACE:
        return f"{name}: {_words(error)}; mend that, or name another place, and start again"
    return None


def _words(error: OSError) -> str:
    """What the system says of it; a library that raises it itself may have left that out."""
    return (error.strerror or os.strerror(error.errno or 0)).lower()
