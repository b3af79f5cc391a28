"""The files below a folder and those that a pattern names, links to other folders followed, each once."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pipeline.errors import UserError
from pipeline.formats.near_paths import path_hint

DATA_VARIABLE, DEFAULT_DATA = "LM_DATA", "data"
"""What the experiments in conf/ name: `${oc.env:LM_DATA,data}`."""
_SURROGATE = re.compile("[\ud800-\udfff]")
"""In a path, Python's stand-in for a byte that is not UTF-8: no JSON file can hold it."""


def expand_paths(paths: Iterable[str]) -> list[Path]:
    """Files that the local paths, folders and globs name, sorted, each once: links to folders are followed, but give no
    file a second time. Of a folder neither hidden files nor what lies in hidden folders, which is how globs have it.

    Raises:
        UserError: where some of them name nothing, or a name is not UTF-8.
    """
    files: set[Path] = set()
    absent: list[str] = []
    for pattern in paths:
        path = Path(pattern).expanduser()
        if path.is_dir():
            matches = list(files_below(path))
        elif path.is_file():
            matches = [path]
        else:
            matches = list(files_like(path))
        if not matches:
            absent.append(pattern)
        files.update(matches)
    if absent:
        names = ", ".join(map(_absent, absent))
        raise UserError(
            f"no file at {names} (seen from {Path.cwd()}); check the path, and quote globs{data_hint(absent)}"
        )
    if odd := [file for file in files if _SURROGATE.search(str(file))]:
        raise UserError(f"the name of {str(odd[0])!r} is not UTF-8; rename the file")
    return each_once(files)


def _absent(pattern: str) -> str:
    """A path that names nothing, with what is to be known of it."""
    path = Path(pattern).expanduser()
    if path.is_dir():
        return f"{pattern!r} (an empty folder)"
    if hint := path_hint(pattern):
        return f"{pattern!r} ({hint})"
    return repr(pattern) if str(path) == str(Path(pattern)) else f"{pattern!r} ({path})"


def refuse_absent(path: str, located: Path) -> None:
    """Raises: UserError: where the setting's path leads to nothing, which lies at `located`."""
    if not located.exists():
        looked = f" ({located})" if str(located) != path else ""
        hint = f"; {near}" if (near := path_hint(path)) else ""
        raise UserError(f"{path!r} does not exist{looked}{hint}{data_hint([path])}")


def data_hint(absent: Iterable[str]) -> str:
    """Where paths lie below the folder of the sample experiments' data, how that folder is named; else nothing."""
    named = os.environ.get(DATA_VARIABLE)
    root = DEFAULT_DATA if named is None else named.rstrip("/")
    if not any(path == root or path.startswith(f"{root}/") for path in absent):
        return ""
    state = f"not set, so that {DEFAULT_DATA}/ stands for it" if named is None else f"{named} now"
    return (
        f". The experiments that come along read their data below the folder that the environment variable "
        f"{DATA_VARIABLE} names; it is {state}: {DATA_VARIABLE}=/folder/with/the/data make … (docs/data.md says where "
        "they come from)"
    )


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder and of the folders in it, but for hidden ones, and what lies in hidden folders.

    Raises:
        UserError: for a folder that cannot be read.
    """
    for place, names in _folders_below(folder):
        files = (place / name for name in names if not name.startswith("."))
        yield from (path for path in files if path.is_file())


def files_like(pattern: Path) -> Iterator[Path]:
    """The files that a pattern names, in which `**` stands for any number of folders.

    `glob` would walk `**` again and again through links in a circle.

    Raises:
        UserError: for a folder that cannot be read.
    """
    before, deep, after = _split(pattern.parts)
    if not deep:
        yield from (path for name in glob.glob(str(pattern)) if (path := Path(name)).is_file())
        return
    for folder in filter(os.path.isdir, glob.glob(str(Path(*before)))):
        if not after:
            yield from files_below(Path(folder))
            continue
        for place, _ in _folders_below(Path(folder)):
            yield from files_like(Path(glob.escape(str(place)), *after))


def each_once(files: Iterable[Path]) -> list[Path]:
    """The files, sorted, without those that a link to a folder only gives another path: that without links stays."""
    real = cache(os.path.realpath)
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(files, key=lambda path: (real(path.parent) != os.path.abspath(path.parent), path)):
        found.setdefault((real(path.parent), path.name), path)
    return sorted(found.values())


def _split(parts: tuple[str, ...]) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """A pattern before and behind its first `**`, and whether it has one."""
    if "**" not in parts:
        return parts, False, ()
    place = parts.index("**")
    return parts[:place], True, parts[place + 1 :]


def _folders_below(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folder and all in it that are not hidden, each with its files' names.

    Each is walked once, however many links lead to it, so links in a circle have an end. What lies there itself comes
    before what links lead to.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        links: list[Path] = []
        for top in waiting:
            for place, below, names in os.walk(top, onerror=_refuse):
                here = os.stat(place)
                if (here.st_dev, here.st_ino) in seen:
                    below.clear()
                    continue
                seen.add((here.st_dev, here.st_ino))
                below[:] = [name for name in below if not name.startswith(".")]
                links += (path for name in below if (path := Path(place, name)).is_symlink())
                yield Path(place), names
        waiting = sorted(links)


def _refuse(error: OSError) -> None:
    raise UserError(
        f"the folder {error.filename} cannot be read ({error.strerror}); make it readable, or name others"
    )
