"""The artifact store: every artifact is complete or absent, and never overwritten."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline.file_hashes import hash_file

MANIFEST = "manifest.json"
PARTIAL = ".partial"
LAUNCH_FILES = ("worker.lock", "restart.json", "attempts.json", "launch.json")
"""What launchers and workers tell each other in a partial folder; no output."""
HASHES = ".hashes.json"
"""Hashes of files that settings name, in the store."""
SCRATCH = "scratch"
"""Folder of what the phases of a stage tell each other; no output either."""


@dataclass(frozen=True)
class Artifact:
    """A finished stage's folder and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def metrics(self) -> dict[str, Any]:
        return self.manifest["metrics"]


class Store:
    """Folders `<root>/<stage>/<label>-<fingerprint>`; one that is being made ends in `.partial`."""

    def __init__(self, root: Path):
        self.root = root

    def find(self, stage: str, fingerprint: str) -> Artifact | None:
        """The complete artifact, whichever run built it, or None."""
        for folder in (self.root / stage).glob(f"*-{fingerprint}"):
            manifest = folder / MANIFEST
            if manifest.is_file():
                return Artifact(folder, json.loads(manifest.read_text()))
        return None

    def partial(self, stage: str, label: str, fingerprint: str) -> Path:
        """The folder to build in: the one that a killed attempt left, or a new one."""
        left = sorted((self.root / stage).glob(f"*-{fingerprint}{PARTIAL}"))
        folder = left[0] if left else self.root / stage / f"{label}-{fingerprint}{PARTIAL}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def exclusive(self, stage: str, fingerprint: str, waiting: Callable[[], None]) -> Iterator[None]:
        """One process at a time builds the artifact; another calls `waiting` about every second while it must wait."""
        path = self.root / stage / f".{fingerprint}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        patience = 0.0
        while not lock.is_locked:
            try:
                lock.acquire(timeout=patience)
            except Timeout:
                waiting()
                patience = 1.0
        try:
            yield
        finally:
            lock.release()


def finish(partial: Path, manifest: Mapping[str, Any]) -> Path:
    """Write the manifest with every output's size and sha256, then rename the folder into place."""
    for name in LAUNCH_FILES:
        (partial / name).unlink(missing_ok=True)
    shutil.rmtree(partial / SCRATCH, ignore_errors=True)
    for left in partial.rglob("*.tmp"):  # by a process that was killed while it wrote
        left.unlink()
    outputs = {
        str(path.relative_to(partial)): {"bytes": path.stat().st_size, "sha256": hash_file(path)}
        for path in sorted(partial.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_json(partial / MANIFEST, {**manifest, "outputs": outputs})
    final = partial.with_name(partial.name.removesuffix(PARTIAL))
    partial.rename(final)
    return final


def write_json(path: Path, value: Any) -> None:
    """Write so that a reader, or a crash, sees the old content or the new, never half of it."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    scratch.replace(path)
