"""Whether a finished artifact still is what its stage made: by names and sizes, and by content."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.store.artifacts import MANIFEST, THREADS, Artifact, hashes_of
from pipeline.store.file_hashes import HashMemory, hash_file
from pipeline.store.locks import hold

SHOWN = 3


def check_files(artifact: Artifact) -> None:
    """Compare the names and sizes of an artifact's files with its manifest.

    Raises:
        UserError: where a file is gone, another came in between, or a size differs.
    """
    _refuse(artifact, list(_other_files(artifact)))


def check_content(
    artifact: Artifact, stage: str, *, afresh: bool = False, show_progress: bool = False
) -> None:
    """Compare all files with the manifest, their sha256 too.

    A file is read where it may have changed since its hash is known, so that this takes a moment once it is done. Of
    several processes that ask at once, as the tasks of an array do, one reads.

    Args:
        afresh: read everything, whatever is remembered: damage of the disk does not touch a file's times.

    Raises:
        UserError: where something differs.
    """
    check_files(artifact)
    memory = hashes_of(artifact.folder)
    with contextlib.ExitStack() as alone:
        with contextlib.suppress(OSError):  # nothing can be written into a store that one may only read
            alone.enter_context(hold(memory.with_suffix(".lock"), waiting=lambda: None))
        changed = _changed_files(artifact, None if afresh else HashMemory(memory), stage, show_progress)
    _refuse(artifact, changed)


def _other_files(artifact: Artifact) -> Iterator[str]:
    outputs = artifact.outputs
    for name, output in outputs.items():
        path = artifact.folder / name
        try:
            size = path.stat().st_size
        except OSError:
            yield f"{name} is missing"
            continue
        if size != output["bytes"]:
            yield f"{name} has {size:,} bytes instead of {output['bytes']:,}"
    for path in sorted(artifact.folder.rglob("*")):
        name = path.relative_to(artifact.folder)
        hidden = any(part.startswith(".") for part in name.parts)  # a file manager's, or a file server's
        if not hidden and str(name) not in (MANIFEST, *outputs) and path.is_file():
            yield f"{name} is none of its files"


def _changed_files(
    artifact: Artifact, memory: HashMemory | None, stage: str, show_progress: bool
) -> list[str]:
    outputs = artifact.outputs
    unknown = {name for name in outputs if memory is None or not memory.knows(artifact.folder / name, name)}
    total = sum(outputs[name]["bytes"] for name in unknown)

    def sha256(name: str) -> str:
        path = artifact.folder / name
        return hash_file(path) if memory is None else memory.sha256(path, name)

    with (
        ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool,
        progress(f"verifying {stage}", total, "MB", 1e6, show_progress) as bar,
    ):
        changed = []
        for name, found in zip(outputs, pool.map(sha256, outputs), strict=True):
            if name in unknown:
                bar.advance(outputs[name]["bytes"])
            if found != outputs[name]["sha256"]:
                changed.append(f"{name} has other content than was written (its sha256 differs)")
    if memory is not None:
        memory.save()
    return changed


def _refuse(artifact: Artifact, differences: list[str]) -> None:
    if not differences:
        return
    more = f"; … ({len(differences):,} in all)" if len(differences) > SHOWN else ""
    raise UserError(
        f"the artifact {artifact.folder} is damaged, it is not what its stage made: "
        f"{'; '.join(differences[:SHOWN])}{more}. Put its files back as they were, or delete the folder "
        f"{artifact.folder} and start again: its stage is run anew, and what was made of it stays"
    )
