"""The artifact store: every artifact is complete or absent, and never overwritten."""

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.store import durable
from pipeline.store.file_hashes import HashMemory
from pipeline.store.locks import hold, holder
from pipeline.store.manifest import Manifest, Output, StageFacts, StageMetrics

MANIFEST = "manifest.json"
SPEC_FILE = "stage.yaml"
"""What a stage's workers are told of it, and what stays in its artifact."""
PARTIAL = ".partial"
LAUNCH_FILE = "launch.json"
"""Says in a partial folder which launch may work there."""
TIMES_FILE = "times.json"
"""How long each earlier launch was at work in a partial folder."""
RANKS = "ranks"
"""Folder of what each rank of a launch came to."""
HASHES = ".hashes.json"
"""Hashes of files that settings name, in the store; with a fingerprint before it, of that artifact's files."""
SCRATCH = "scratch"
"""Folder of what the phases of a stage tell each other."""
DISCARDED = "discarded"
"""Where the scratch folder is moved before it is deleted, so that a kill leaves all of it or nothing."""
THREADS = 8
"""That read an artifact's files at once, to hash them."""
NO_OUTPUT = (LAUNCH_FILE, "restart.json", "attempts.json", TIMES_FILE, RANKS, SCRATCH, DISCARDED)
"""What launchers, workers and phases tell each other in a partial folder. No artifact keeps it."""


@dataclass(frozen=True)
class Artifact:
    """A finished stage's folder and what its manifest says."""

    folder: Path
    manifest: Manifest

    @property
    def metrics(self) -> StageMetrics:
        return self.manifest["metrics"]

    @property
    def outputs(self) -> dict[str, Output]:
        return self.manifest["outputs"]


def _read_manifest(folder: Path) -> Manifest:
    manifest: Manifest = read_json(folder / MANIFEST, folder, ("metrics", "outputs"))
    metrics, outputs = manifest["metrics"], manifest["outputs"]
    if not (
        isinstance(metrics, dict) and isinstance(outputs, dict) and all(map(_is_output, outputs.values()))
    ):
        raise UserError(damaged(folder / MANIFEST, "it is no manifest", folder))
    return manifest


def _is_output(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("bytes"), int)
        and isinstance(value.get("sha256"), str)
    )


def hashes_of(folder: Path) -> Path:
    """Where the hashes of an artifact's files are remembered, finished or not."""
    fingerprint = folder.name.removesuffix(PARTIAL).rpartition("-")[2]
    return folder.with_name(f".{fingerprint}{HASHES}")


class Store:
    """Folders `<root>/<stage>/<label>-<fingerprint>`; one that is being made ends in `.partial`."""

    def __init__(self, root: Path):
        self.root = root

    def find(self, stage: str, fingerprint: str) -> Artifact | None:
        """The complete artifact, whichever run built it, or None.

        Raises:
            UserError: where there is its folder, and no readable manifest in it.
        """
        for folder in (self.root / stage).glob(f"*-{fingerprint}"):
            return Artifact(folder, _read_manifest(folder))
        return None

    def partial(self, stage: str, label: str, fingerprint: str) -> Path:
        """The folder to build in: the one that a killed attempt left, or a new one."""
        left = sorted((self.root / stage).glob(f"*-{fingerprint}{PARTIAL}"))
        folder = left[0] if left else self.root / stage / f"{label}-{fingerprint}{PARTIAL}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def exclusive(self, stage: str, fingerprint: str, waiting: Callable[[], None]) -> Generator[None]:
        """One process at a time builds the artifact; another calls `waiting` about every second while it must wait."""
        with hold(self._lock(stage, fingerprint), waiting):
            yield

    def builder(self, stage: str, fingerprint: str) -> str:
        """Who builds the artifact, or did so last: `pid <pid> on <host>`."""
        return holder(self._lock(stage, fingerprint))

    def _lock(self, stage: str, fingerprint: str) -> Path:
        return self.root / stage / f".{fingerprint}.lock"


def finish(
    partial: Path,
    facts: StageFacts,
    known: Mapping[str, str] | None = None,
    hashed: Callable[[], None] = lambda: None,
) -> Path:
    """Write the manifest, the stage's facts with every output's size and sha256, then rename the folder into place.

    Called while the folder is occupied. What a killed launch needs to go on is deleted when all else is done.

    Args:
        known: sha256 of files that need not be read for it, by their names within the folder.
        hashed: called when the manifest is written, before what its launch keeps in the folder is deleted.
    """
    for left in partial.rglob("*.tmp"):  # by a process that was killed while it wrote
        left.unlink()
    memory = HashMemory(hashes_of(partial))
    outputs = _outputs(partial, memory, known or {})
    write_json(partial / MANIFEST, {**facts, "outputs": outputs})
    hashed()
    for name in (
        *outputs,
        MANIFEST,
    ):  # before what could make them again is deleted, which need not be on disk
        durable.to_disk(partial / name)
    _discard(partial)
    final = partial.with_name(partial.name.removesuffix(PARTIAL))
    durable.publish(partial, final)
    memory.save()
    return final


def _outputs(partial: Path, memory: HashMemory, known: Mapping[str, str]) -> dict[str, Output]:
    """Size and sha256 of each file that stays, several being read side by side."""
    paths = {
        str(path.relative_to(partial)): path
        for path in sorted(partial.rglob("*"))
        if path.is_file()
        and path != partial / MANIFEST
        and path.relative_to(partial).parts[0] not in NO_OUTPUT
    }

    def output(name: str) -> Output:
        path = paths[name]
        if name in known:
            memory.learn(path, name, known[name])
        return {"bytes": path.stat().st_size, "sha256": known.get(name) or memory.sha256(path, name)}

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        return dict(zip(paths, pool.map(output, paths), strict=True))


def _discard(partial: Path) -> None:
    """Delete what is no output; markers of phases must not outlive what they mark."""
    if (partial / SCRATCH).is_dir():
        shutil.rmtree(partial / DISCARDED, ignore_errors=True)
        (partial / SCRATCH).rename(partial / DISCARDED)
    for name in NO_OUTPUT:
        if (partial / name).is_dir():
            shutil.rmtree(partial / name, ignore_errors=True)
        else:
            (partial / name).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write so that a reader, or a crash, sees the old content or the new, never half of it."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    scratch.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    durable.replace(scratch, path)


def read_json(path: Path, folder: Path, keys: Iterable[str] = (), kind: type = dict) -> Any:
    """The object, or list, in a file that is part of a finished artifact.

    Args:
        folder: the artifact's.
        keys: that it must have.

    Raises:
        UserError: where the file is gone, empty or something else, with what to delete.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(damaged(path, "it is missing", folder)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(damaged(path, f"it is no JSON: {error}", folder)) from None
    missing = [key for key in keys if key not in value] if isinstance(value, kind) else [kind.__name__]
    if missing:
        raise UserError(damaged(path, f"it has no {', no '.join(missing)}", folder))
    return value


def damaged(path: Path, reason: str, folder: Path) -> str:
    """What to tell of a file of a finished artifact, whose folder is `folder`."""
    return f"{path} is damaged: {reason}; delete the folder {folder} and start again: its stage is run anew"
