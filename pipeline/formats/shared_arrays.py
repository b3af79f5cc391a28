"""Arrays that one rank makes and all ranks of a launch map into memory, so that a node holds them once."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.store import durable

POLL_SECONDS = 0.5


class SharedArrays:
    """A folder that all ranks see. What is there from an earlier launch is used again."""

    def __init__(self, folder: Path, makes: bool):
        """Args: makes: whether this is the rank that makes what is missing; the others wait for it."""
        self._folder, self._makes = folder, makes

    def get(self, name: str, make: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
        """The arrays of that name, read only."""
        folder = self._folder / hashlib.sha256(name.encode()).hexdigest()[:16]
        if self._makes and not folder.is_dir():
            scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            for number, array in enumerate(make()):
                np.save(scratch / f"{number}.npy", array)
            durable.publish(scratch, folder)
        while not folder.is_dir():  # where it fails, its launcher ends this rank too
            time.sleep(POLL_SECONDS)
        paths = sorted(folder.glob("*.npy"))
        return [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
