"""Renames that make something complete: what they rename is on disk before, so that it outlives a power cut."""

import errno
import os
from pathlib import Path


def replace(scratch: Path, path: Path) -> None:
    """Give a file that is written to its end its name. Readers see the old content or the new, never half of it."""
    to_disk(scratch)
    scratch.replace(path)
    to_disk(path.parent)


def publish(scratch: Path, folder: Path) -> None:
    """Give a folder in which everything is written its name."""
    all_to_disk(scratch)
    publish_synced(scratch, folder)


def publish_synced(scratch: Path, folder: Path) -> None:
    """Give a folder its name, in which everything is on disk already."""
    scratch.rename(folder)
    to_disk(folder.parent)


def all_to_disk(folder: Path) -> None:
    """Make sure that a folder with everything in it outlives a power cut."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder, and then the folder
        if path.is_file() or path.is_dir():
            to_disk(path)
    to_disk(folder)


def to_disk(path: Path) -> None:
    """The same for one file, or for the names in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing, as some have not for folders
            raise
    finally:
        os.close(number)
