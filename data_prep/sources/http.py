"""Downloads over unreliable connections: resumed by byte range, retried with growing pauses, verified."""

import email.utils
import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from pipeline.errors import UserError
from pipeline.remote.errors import TRANSIENT, Stopped, pause
from pipeline.store import durable
from pipeline.text.counts import counted

USER_AGENT = (
    f"lm-workflow/0.1 (corpus download; one file per connection) python-requests/{requests.__version__}"
)
TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces of the answer."""
CHUNK_BYTES = 1 << 14
"""Read at once; what came of a piece when the connection breaks is lost."""
LONGEST_REQUESTED_PAUSE = 3600.0


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch and what its publisher says of it."""

    url: str
    name: str
    algorithm: str = ""
    """Of the checksum, as `hashlib` names it."""
    checksum: str | None = None
    """None where its publisher tells none."""
    size: int | None = None
    """Bytes, where published."""


class NotFoundError(Exception):
    """The server answers, and has no such file."""


class _Transient(Exception):
    """This attempt failed, the next may succeed. `wait`: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


class Downloader:
    """Fetches files one at a time; every thread needs its own.

    Args:
        retries: attempts after one that brought nothing new; one that did starts the count afresh.
        first_pause: seconds before the first of them; see `pause`.
        stop: set to end the work soon, with `Stopped`.
    """

    def __init__(
        self, retries: int, log: logging.Logger, first_pause: float = 1.0, stop: threading.Event | None = None
    ):
        self._retries, self._log, self._first_pause = retries, log, first_pause
        self._stop = stop or threading.Event()
        self._session = requests.Session()
        # identity: a compressed transfer has no byte ranges of the file.
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})

    def text(self, url: str) -> str:
        """A small text file.

        Raises:
            NotFoundError: where the server has none.
            UserError: where the server cannot be reached.
        """
        failures = 0
        while True:
            try:
                with self._get(url, {}) as response, _broken_connections_are_transient():
                    return response.text
            except _Transient as problem:
                failures += 1
                if failures > min(self._retries, 2):  # who is offline should not wait for minutes to be told
                    raise UserError(
                        f"{url} cannot be reached: {problem}. Check the network (HTTPS_PROXY names a proxy), "
                        "or bring the files and use corpus=files"
                    ) from None
                pause(failures, self._stop, self._first_pause, problem.wait)

    def file(self, remote: RemoteFile, path: Path, advance: Callable[[int], None]) -> None:
        """Download to `path`, verified; what is there of it already, in `<path>.part`, is not fetched again.

        Args:
            advance: told the number of bytes of every piece that arrives.

        Raises:
            UserError: where the file does not exist, the server stays out of reach, or the content does not
                match its checksum twice. The part is kept, except where it is wrong.
        """
        part, wrong = (path.with_name(path.name + ending) for ending in (".part", ".wrong"))
        self._fetch(remote, part, advance)
        if not self._matches(remote, part):
            self._log.warning("%s does not match its %s; fetching it again", remote.name, remote.algorithm)
            part.unlink()
            self._fetch(remote, part, advance)
            if not self._matches(remote, part):
                part.rename(wrong)
                raise UserError(
                    f"{remote.url} does not match its published {remote.algorithm} {remote.checksum}, twice; "
                    f"what came is kept as {wrong}. The mirror may be damaged: try another corpus.mirror"
                )
        wrong.unlink(missing_ok=True)
        durable.replace(part, path)

    def _fetch(self, remote: RemoteFile, part: Path, advance: Callable[[int], None]) -> None:
        """Attempts until the part is as long as the file."""
        failures, furthest = 0, _size(part)
        while True:
            try:
                return self._attempt(remote, part, advance)
            except NotFoundError:
                gone = "any more (dumps are kept for some months); choose another corpus.date"
                raise UserError(
                    f"{remote.url} does not exist{f' {gone}' if remote.checksum else ''}" + _kept(part)
                ) from None
            except _Transient as problem:
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures > self._retries:
                    raise UserError(
                        f"{remote.url}: {problem}, after {counted(self._retries, 'more attempt')}. "
                        "Start again later to continue" + _kept(part)
                    ) from None
                self._log.info("%s: %s at %d bytes; trying again", remote.name, problem, _size(part))
                pause(failures, self._stop, self._first_pause, problem.wait)

    def _attempt(self, remote: RemoteFile, part: Path, advance: Callable[[int], None]) -> None:
        start = _size(part)
        if remote.size is not None and start >= remote.size:
            if start == remote.size:
                return
            part.unlink()
            start = 0
        with self._get(remote.url, {"Range": f"bytes={start}-"} if start else {}) as response:
            # 416: nothing lies behind what we have. It is the whole, as far as this server has it.
            ended = response.status_code == 416
            total = None if ended else _append(response, part, start, advance, self._stop)
        if total is not None and _size(part) < total:
            raise _Transient("the connection ended early")
        if remote.size is not None and _size(part) < remote.size:
            raise _Transient("the file is shorter than published")

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        with _broken_connections_are_transient():
            response = self._session.get(url, headers=headers, timeout=TIMEOUT, stream=True)
        status = response.status_code
        if response.ok or status == 416:
            return response
        response.close()
        if status in (404, 410):
            raise NotFoundError(url)
        if status in TRANSIENT:
            wait = _retry_after(response.headers.get("Retry-After", ""))
            if wait <= LONGEST_REQUESTED_PAUSE:
                raise _Transient(f"the server answers {status} {response.reason}", wait)
            raise UserError(
                f"{url}: the server asks to come back in {wait / 3600:.1f} hours; start again then"
            )
        raise UserError(f"{url}: the server refuses with {status} {response.reason}")

    def _matches(self, remote: RemoteFile, part: Path) -> bool:
        if remote.checksum is None:
            return True
        with part.open("rb") as file:
            return hashlib.file_digest(file, remote.algorithm).hexdigest() == remote.checksum


def _append(
    response: requests.Response, part: Path, start: int, advance: Callable[[int], None], stop: threading.Event
) -> int | None:
    """Add the body to the part, from byte `start` on; returns the whole file's length where it is told."""
    if response.status_code == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start:
            raise _Transient("the server sends another range than asked for")
        skip, total = 0, None if match[2] == "*" else int(match[2])
    else:
        # The server ignores ranges and sends all: pass over what we have instead of giving it up.
        length = response.headers.get("Content-Length", "")
        skip, total = start, int(length) if length.isdigit() else None
    with part.open("ab") as file, _broken_connections_are_transient():
        for piece in response.iter_content(CHUNK_BYTES):
            if stop.is_set():
                raise Stopped
            fresh = piece[skip:]
            skip -= len(piece) - len(fresh)
            file.write(fresh)
            advance(len(fresh))
    return total


@contextmanager
def _broken_connections_are_transient() -> Generator[None]:
    try:
        yield
    except requests.RequestException as error:
        raise _Transient(_reason(error)) from None


def _retry_after(value: str) -> float:
    """Seconds from a Retry-After header: a number or a date (RFC 9110, 10.2.3); 0 where it says neither."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the secure connection failed ({error})"
    if isinstance(
        error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
    ):
        return "the connection broke"
    return "no connection"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _kept(part: Path) -> str:
    return f"; {_size(part):,} bytes are kept in {part}" if part.exists() else ""
