"""Copies from stores: several files at a time, each complete or absent, never fetched twice."""

import hashlib
import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.remote.errors import Stopped, retried
from pipeline.remote.listing import StoredObject, identify, list_objects, open_store
from pipeline.remote.side_by_side import side_by_side
from pipeline.store import durable
from pipeline.store.locks import hold
from pipeline.store.markers import is_done, write_marker
from pipeline.text.counts import counted

CONNECTIONS = 4
"""Files at a time; some stores fetch parts of a large file side by side besides."""
RETRIES = 8


def fetch(url: str, cache: Path, log: logging.Logger, show_progress: bool) -> Path:
    """A folder below `cache` with all that the address names, each under its path from the address's parent.

    Safe where several processes or machines ask for the same at the same moment: one copies, the others wait.

    Raises:
        UserError: as `list_objects` and `copy_objects`.
    """
    folder = cache / hashlib.sha256(url.encode()).hexdigest()[:16]
    complete = folder.with_suffix(".complete")
    cache.mkdir(parents=True, exist_ok=True)
    with hold(folder.with_suffix(".lock"), waiting=lambda: None):
        if not is_done(complete):
            folder.mkdir(exist_ok=True)
            objects = list_objects(url)
            log.info("fetching %s", url)
            copy_objects({folder / each.inside: each for each in objects}, folder, log, show_progress)
            write_marker(complete, url, folder.rglob("*"))
    return folder


def copy_objects(
    objects: Mapping[Path, StoredObject], folder: Path, log: logging.Logger, show_progress: bool
) -> None:
    """Copy each object to its path below `folder`, but for what is there already.

    Raises:
        UserError: where the disk is too small, the store refuses or stays out of reach, or an object changes
            meanwhile. What was copied is kept.
    """
    missing = {path: each for path, each in objects.items() if not _is_whole(path, each)}
    if len(missing) < len(objects):
        log.info("%d of %s here already", len(objects) - len(missing), counted(len(objects), "file"))
    total = sum(each.size or 0 for each in missing.values())
    free = shutil.disk_usage(folder).free
    if total > free:
        raise UserError(
            f"the files need {total / 1e9:,.1f} GB, {folder} has {free / 1e9:,.1f} GB; free some space, set "
            "run.artifacts to a larger disk, or name fewer files"
        )
    transfers = [partial(_copy, each, path) for path, each in missing.items()]
    side_by_side(transfers, CONNECTIONS, progress("copying", total, "MB", 1e6, show_progress))


def _copy(source: StoredObject, path: Path, advance: Callable[[int], None], stop: threading.Event) -> None:
    from fsspec.callbacks import Callback

    fs, name = open_store(source.url)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.tmp")

    class Counter(Callback):
        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            advance(inc)

    def attempt() -> None:
        if stop.is_set():
            raise Stopped
        counter = Counter()
        before = identify(name, fs.info(name))
        try:
            fs.get_file(name, str(scratch), callback=counter)
            copied = scratch.stat().st_size
            if source.size is not None and copied != source.size:
                raise ConnectionError(f"{copied} bytes came instead of {source.size}")
        except Exception:
            advance(-counter.value)
            raise
        advance(copied - counter.value)  # not every store tells of its pieces
        fs.invalidate_cache()
        if (
            identify(name, fs.info(name)) != before
        ):  # large objects come in parts, which would not fit together
            raise UserError(
                f"{source.url} changed while it was copied; start again when nothing writes to it"
            )
        durable.replace(scratch, path)

    retried(attempt, source.url, RETRIES, stop)


def _is_whole(path: Path, source: StoredObject) -> bool:
    return path.is_file() and source.size in (None, path.stat().st_size)
