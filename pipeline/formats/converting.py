"""The commands that convert text files to UTF-8, for whoever reads that one is not."""

import glob
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

_TOOLS = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd"}

MOST = 40
"""Names and patterns that one command has at most."""
_KEPT = "hidden, which a folder's reader leaves out, and where there is one already, nothing is done"


def how_to_convert(path: Path, encoding: str) -> str:
    """What to tell of a file in an encoding that is not UTF-8: the rest of a sentence that begins with its path."""
    source, old, new = (shlex.quote(str(each)) for each in (path, _old(path), f"{path}.utf8"))
    return (
        f"is not UTF-8; it seems to be {encoding}. Convert it, and look at what comes of it; the old file stays as "
        f"{_old(path).name}, {_KEPT}: " + _convert(source, old, new, encoding, uncompressed_by(path))
    )


def how_to_convert_all(paths: Sequence[Path], encoding: str) -> str:
    """What to tell of several files in such an encoding, which are all compressed in one way, or none is."""
    old = '"$(dirname "$f")/.$(basename "$f").old"'
    words = list(islice(_shell_words(paths), MOST))
    named = sum(count for _, count in words)
    left = (
        f" This command is for {named:,} of them; start again for the others." if named < len(paths) else ""
    )
    command = _convert('"$f"', old, '"$f.utf8"', encoding, uncompressed_by(paths[0]))
    return (
        f"{len(paths):,} files are not UTF-8, such as {paths[0]}; they seem to be {encoding}.{left} Convert them, "
        f"and look at what comes of it; each old file stays as .NAME.old, {_KEPT}: "
        f"for f in {' '.join(word for word, _ in words)}; do {command}; done"
    )


def _shell_words(paths: Sequence[Path]) -> Iterator[tuple[str, int]]:
    """The files as a shell names them, and how many files a word names: by a pattern where they are all
    files of their ending in a folder."""
    by_kind: dict[tuple[Path, str], set[Path]] = {}
    for path in paths:
        by_kind.setdefault((path.parent, path.suffix), set()).add(path)
    for (folder, ending), files in by_kind.items():
        alike = {path for path in folder.glob(f"*{glob.escape(ending)}") if not path.name.startswith(".")}
        if len(files) > 1 and ending and alike == files:
            yield f"{shlex.quote(str(folder))}/*{shlex.quote(ending)}", len(files)
        else:
            yield from ((shlex.quote(str(path)), 1) for path in sorted(files))


def uncompressed_by(path: Path) -> str | None:
    """What uncompresses the file; None where it is not compressed."""
    return _TOOLS.get(path.suffix.lower())


def _old(path: Path) -> Path:
    """Where the file is kept that has been converted: whatever the format, a hidden one is not read with its folder."""
    return path.with_name(f".{path.name}.old")


def _convert(source: str, old: str, new: str, encoding: str, tool: str | None) -> str:
    """The command line that puts a file as UTF-8 in its own place, where the same settings find it. It moves nothing
    where `iconv` fails; and nothing where an old file is kept already, since a command that is repeated would convert
    what it has converted, and move that over the only original.

    Args:
        source, old, new: the file, where it is kept, and a place for what comes of it, as the shell reads them.
    """
    convert = f"iconv -f {encoding} -t UTF-8"
    if tool is None:
        steps = f"{convert} {source} > {new} && mv {source} {old} && mv {new} {source}"
    else:
        written = f"{tool} < {new} > {source} && rm {new}"
        steps = f"{tool} -dc < {source} | {convert} > {new} && mv {source} {old} && {written}"
    return f"[ -e {old} ] || {{ {steps}; }}"
