"""Running planners as processes, some at a time."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

POLL_SECONDS = 0.1
Ended = Callable[[int, float], None]
"""Called with the exit code and the seconds that the process took."""


class Pool:
    """At most `parallel` processes at a time, each in a process group of its own with its output in a file."""

    def __init__(self, parallel: int, environments: Sequence[Mapping[str, str]]):
        """Args: environments: what the process in each of the `parallel` places has in its environment besides."""
        self._places = list(range(parallel))
        self._environments = environments
        self._running: dict[int, tuple[subprocess.Popen[bytes], float, Ended]] = {}

    def run(self, command: Sequence[str], log: Path, done: Ended) -> None:
        """Start a process, once there is a place for it. `done` is called in this thread.

        Raises:
            KeyboardInterrupt: on an interrupt; call `stop` then.
        """
        while not self._places:
            self._collect()
        place = self._places.pop(0)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self._environments[place],
                start_new_session=True,
            )
        self._running[place] = (process, time.monotonic(), done)

    def wait(self) -> None:
        """Until all have ended."""
        while self._running:
            self._collect()

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl-C does, and wait for its end; a second interrupt kills it."""
        self._signal(signal.SIGINT)
        while self._running:
            try:
                self._collect()
            except KeyboardInterrupt:
                self._signal(signal.SIGKILL)

    def _collect(self) -> None:
        for place, (process, started, done) in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[place]
                self._places.append(place)
                done(code, time.monotonic() - started)
                return
        time.sleep(POLL_SECONDS)

    def _signal(self, number: int) -> None:
        for process, *_ in self._running.values():
            if process.poll() is None:
                os.killpg(process.pid, number)


class Interruptible(ExitStack):
    """SIGINT and SIGTERM raise KeyboardInterrupt, also where a shell started us with SIGINT ignored.

    Processes started inside do not inherit that either, so that they can be interrupted in turn.
    """

    def __enter__(self) -> "Interruptible":
        for number in (signal.SIGINT, signal.SIGTERM):
            self.callback(signal.signal, number, signal.signal(number, signal.default_int_handler))
        return self


def divided_gpus(parallel: int, devices: int) -> list[dict[str, str]]:
    """Environments that give each of the parallel jobs GPUs of its own, where there are enough for that."""
    gpus = _visible_gpus() if parallel > 1 and devices else []
    if not gpus or len(gpus) < parallel * devices:
        return [{} for _ in range(parallel)]
    shares = [gpus[place * devices : (place + 1) * devices] for place in range(parallel)]
    return [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


def _visible_gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu for gpu in visible.split(",") if gpu]
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []
