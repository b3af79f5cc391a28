"""Starting programs on the server, which the first one starts."""

import atexit
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from tests.warm.server import PACKET

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "WARM_SERVER"
"""Environment variable with the server's socket: a planner that was forked from it finds it there."""
IMPORTS_SECONDS = 300.0

Streams = tuple[int, int, int]


class WarmProcess:
    """A program that was forked from the server; killed where this process ends before it."""

    def __init__(self, environment: Mapping[str, str], streams: Streams, module: str, *words: str) -> None:
        """
        Args:
            streams: file descriptors of its stdin, stdout and stderr.
            module: runs as `python -m` runs it, in the root of the checkout.
        """
        address = _address()
        request = {
            "module": module,
            "words": words,
            "env": {**environment, ADDRESS: address},
            "cwd": str(ROOT),
        }
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(address)
        socket.send_fds(self._connection, [json.dumps(request).encode()], list(streams))
        self.pid = int(self._connection.recv(PACKET))
        self.returncode: int | None = None

    def fileno(self) -> int:
        """Readable when the program has ended."""
        return self._connection.fileno()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, negative where a signal ended it.

        Raises:
            TimeoutError: where it still runs.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            self.returncode = int(self._connection.recv(PACKET))
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        """The exit code; None as long as it runs."""
        ended = self.returncode is not None or select.select([self], [], [], 0)[0]
        return self.wait() if ended else None

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class PipedProcess(WarmProcess):
    """One whose output is read while it runs."""

    def __init__(
        self, environment: Mapping[str, str], module: str, *words: str, together: bool = False
    ) -> None:
        """Args: together: stderr comes with stdout, in one stream."""
        pipes = [os.pipe() for _ in range(1 if together else 2)]
        with open(os.devnull) as nothing:
            streams = (nothing.fileno(), pipes[0][1], pipes[-1][1])
            super().__init__(environment, streams, module, *words)
        for _, end in pipes:
            os.close(end)
        self.stdout, *rest = (os.fdopen(start, errors="replace") for start, _ in pipes)
        self.stderr = rest[0] if rest else io.StringIO()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What is left of stdout and stderr, when it has ended.

        Raises:
            TimeoutError: where it still runs.
        """
        with ThreadPoolExecutor(2) as pool:
            told = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except TimeoutError:
                self.kill()
                raise
        return told[0].result(), told[1].result()


def _end(server: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    assert server.stdin
    server.stdin.close()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:  # a program still runs: it ends with this process
        server.kill()
    folder.cleanup()


@cache
def _address() -> str:
    """Of the server, which is started where there is none yet."""
    if ADDRESS in os.environ:
        return os.environ[ADDRESS]
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    address = f"{folder.name}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm.server", address],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # it ends with this process
        stdout=subprocess.DEVNULL,
    )
    atexit.register(_end, server, folder)
    deadline = time.monotonic() + IMPORTS_SECONDS
    while not Path(address).exists():
        assert server.poll() is None, "the server of the tests' programs did not start"
        assert time.monotonic() < deadline, "the server of the tests' programs does not come up"
        time.sleep(0.02)
    return address


def run_warm(
    environment: Mapping[str, str], module: str, *words: str, input: str = "", timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """A program to its end, as `subprocess.run` gives it.

    Raises:
        TimeoutError: where it takes longer; it is killed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input.encode())
        given.seek(0)
        process = WarmProcess(environment, (given.fileno(), out.fileno(), err.fileno()), module, *words)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        told = [os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0) for file in (out, err)]
    stdout, stderr = (text.decode(errors="replace") for text in told)
    return subprocess.CompletedProcess([module, *words], code, stdout, stderr)
