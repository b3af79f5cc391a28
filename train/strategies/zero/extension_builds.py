"""Where and how C++ extensions are compiled when a run starts, as DeepSpeed does for its communication on CPUs.

torch compiles all extensions of a user in one folder, whatever versions they are for, and locks it by a file that a
killed process leaves behind: every later start then waits for it, in silence and for ever.
"""

import hashlib
import logging
import os
import platform
import sys
import time
from contextlib import suppress
from importlib import metadata, util
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch.utils import cpp_extension
from torch.utils.file_baton import FileBaton

from pipeline.machine import CPU_INFO

LOCK = "build.lock"
FOLDER_VARIABLE = "TORCH_EXTENSIONS_DIR"
POLL_SECONDS = 0.2
PROCESSES = Path("/proc")

log = logging.getLogger(__name__)


def prepare_builds() -> None:
    """Let torch compile extensions in a folder for just these versions and this processor, under `BuildLock`."""
    name = build_folder_name()
    base = Path(os.environ.get(FOLDER_VARIABLE) or cpp_extension.get_default_build_root())
    if base.name != name:
        os.environ[FOLDER_VARIABLE] = str(base / name)
    cpp_extension.FileBaton = BuildLock


def build_folder_name() -> str:
    """Names all that a compiled extension depends on. Two checkouts have sources, and so folders, of their own."""
    deepspeed = util.find_spec("deepspeed")
    place = deepspeed.origin if deepspeed else None
    rest = hashlib.sha256(f"{place} {platform.machine()} {_instructions()}".encode()).hexdigest()[:8]
    python = f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"
    versions = f"torch-{torch.__version__}-deepspeed-{metadata.version('deepspeed')}"
    return f"{versions}-{python}-{rest}"


def _instructions() -> str:
    """What this processor can do: extensions are compiled for the one that they are compiled on."""
    if not CPU_INFO.is_file():
        return platform.processor()
    lines = CPU_INFO.read_text().splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


class BuildLock(FileBaton):
    """Takes the place of torch's lock of a build folder. The system frees it when its holder dies.

    Each process gets it in turn and calls ninja, which finds all done, or does what a process that died has left.
    """

    def __init__(self, lock_file_path: str, *arguments: Any, **options: Any):
        self._folder = Path(lock_file_path).parent
        super().__init__(str(self._folder / LOCK), *arguments, **options)
        self._lock = FileLock(self.lock_file_path)

    def try_acquire(self) -> bool:
        """Waits as long as another process compiles, and says so once. Always true: torch then calls ninja."""
        name, waits = self._folder.name, False
        while not self._acquired():
            if not waits:
                log.info("another process compiles %s in %s; waiting for it", name, self._folder)
            waits = True
            time.sleep(POLL_SECONDS)
        if not (self._folder / f"{name}.so").is_file():
            log.info("compiling %s, once for these versions of torch and DeepSpeed", name)
        return True

    def _acquired(self) -> bool:
        with suppress(Timeout):
            self._lock.acquire(blocking=False)
            if not _ninja_works_in(self._folder):
                return True
            self._lock.release()
        return False

    def release(self) -> None:
        self._lock.release()


def _ninja_works_in(folder: Path) -> bool:
    """Whether a build goes on there whose process was killed: its compilers live on, and hold no lock."""
    for process in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            there = Path(os.readlink(process / "cwd")) == folder.resolve()
            if there and (process / "comm").read_text().strip() == "ninja":
                return True
    return False
