"""Which of the files that a corpus names are read, and how."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from data_prep.sources.file_formats import WithCompanions, file_format, known_endings
from pipeline.errors import UserError


@dataclass(frozen=True)
class ChosenFiles:
    """Paths or addresses of files, all of one format."""

    format: str
    names: tuple[str, ...]


def choose_files(names: Sequence[str], setting: str) -> ChosenFiles:
    """The files that hold text.

    Args:
        names: paths or addresses.
        setting: `corpus.format`.

    Raises:
        UserError: for an unknown ending, or two formats.
    """
    formats = dict.fromkeys(names, setting) if setting != "auto" else _by_ending(names)
    companions = {name for kind in {*formats.values()} for name in _companions(kind)}
    first: dict[str, str] = {}
    taken = [name for name in names if PurePath(name).name not in companions]
    for name in taken:
        first.setdefault(formats[name], name)
    if len(first) > 1:
        examples = ", ".join(f"{name} ({kind})" for kind, name in first.items())
        raise UserError(
            f"corpus.paths mixes formats: {examples}; narrow corpus.paths to one, or give each "
            "format a part of its own (corpus=mixture)"
        )
    return ChosenFiles(next(iter(first)), tuple(taken))


def _by_ending(names: Collection[str]) -> dict[str, str]:
    endings = known_endings()
    found: dict[str, str] = {}
    for name in names:
        kind = next((kind for ending, kind in endings.items() if name.lower().endswith(ending)), None)
        if kind is None:
            raise UserError(
                f"{name}: no format is known for this ending (known: {', '.join(sorted(endings))}); "
                "rename the file, narrow corpus.paths, or set corpus.format"
            )
        found[name] = kind
    return found


def _companions(kind: str) -> tuple[str, ...]:
    module = file_format(kind)
    return module.COMPANIONS if isinstance(module, WithCompanions) else ()
