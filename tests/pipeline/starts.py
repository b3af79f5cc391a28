"""One small stage that tests start again and again in one store, and hold open with SIGSTOP."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.command_line import OWN, environment, places
from tests.warm.process import PipedProcess

BALLAST = 200 << 20
"""Bytes of a file without blocks that take a worker a moment to hash."""


def wait_for(condition: Callable[[], object], seconds: float = 60) -> object:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


class Stage:
    """The download stage of a small corpus, started again and again in one store."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder, self._stack = folder, stack
        (folder / "corpus.txt").write_text("A text of one line.\n")

    def start(self, *further: str, base: Sequence[str] = OWN) -> PipedProcess:
        """A planner. Its workers are started as a user's planner starts them."""
        words = ["stage=download", f"corpus.paths=[{self.folder / 'corpus.txt'}]", *further]
        words = [*base, *places(self.folder), *words]
        planner = PipedProcess(environment(), "pipeline", *words, together=True)
        self._stack.callback(planner.kill)
        return planner

    def worker_of(self, planner: PipedProcess) -> int:
        """The pid of the worker, as soon as there is one."""

        def child() -> int | None:
            found = Path(f"/proc/{planner.pid}/task/{planner.pid}/children").read_text().split()
            words = [(int(pid), Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")) for pid in found]
            return next((pid for pid, said in words if b"pipeline.launch.worker" in said), None)

        pid = wait_for(child)
        self._stack.callback(end, pid)
        return pid

    @property
    def partial(self) -> Path | None:
        return next(self.folder.glob("artifacts/download/*.partial"), None)

    @property
    def artifacts(self) -> list[Path]:
        return [path for path in self.folder.glob("artifacts/download/*") if path.is_dir()]

    def stop_while_it_hashes(self, planner: PipedProcess) -> int:
        """Hold the worker in the last thing that it does before the artifact is complete."""
        ballast = wait_for(lambda: self.partial) / "ballast"
        ballast.touch()
        os.truncate(ballast, BALLAST)
        worker = self.worker_of(planner)
        wait_for(lambda: is_reading(worker, ballast))
        os.kill(worker, signal.SIGSTOP)
        assert self.partial, "the worker was through already"
        return worker


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_reading(pid: int, path: Path) -> bool:
    folder = Path(f"/proc/{pid}/fd")
    for link in folder.iterdir():
        try:
            if link.readlink() == path.resolve():
                return True
        except OSError:  # closed meanwhile
            continue
    return False


def check_whole(stage: Stage) -> dict:
    """One artifact, and nothing beside it. Gives its manifest."""
    (artifact,) = stage.artifacts
    manifest = json.loads((artifact / "manifest.json").read_text())
    assert set(manifest["outputs"]) >= {"log.txt", "stage.yaml", "source.json"}
    for name, facts in manifest["outputs"].items():
        assert (artifact / name).stat().st_size == facts["bytes"]
    assert {path.name for path in artifact.iterdir()} == {*manifest["outputs"], "manifest.json"}
    return manifest
