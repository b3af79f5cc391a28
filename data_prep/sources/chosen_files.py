"""Which of the files that a corpus names are read, and how."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from data_prep.sources.file_formats import WithCompanions, WithPackages, file_format, known_endings
from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError
from pipeline.packages import check_each, check_packages
from pipeline.text.enumeration import enumerated


@dataclass(frozen=True)
class ChosenFiles:
    """The files that are read: of one format, or of several whose files are documents."""

    formats: Mapping[str, str]
    """By path or address, in order."""
    left_out: str
    """In words, what is not read; nothing where all is."""

    @property
    def kinds(self) -> list[str]:
        return sorted(set(self.formats.values()))


def choose_files(names: Sequence[str], corpus: FilesCorpus) -> ChosenFiles:
    """The files that hold text; those with unknown endings are left out, but for files that `corpus.paths` names.

    Args:
        names: paths or addresses.

    Raises:
        UserError: for an unknown ending of a file that is named, where no other file is there, or where two formats
            do not go together, or one needs a package that is not installed.
    """
    formats, unknown = _by_ending(names, corpus.format)
    named = {str(Path(path).expanduser()) for path in corpus.paths} | set(corpus.paths)
    if refused := [name for name in unknown if name in named]:
        raise UserError(f"{refused[0]}: {_unknown()}")
    companions = {name for kind in set(formats.values()) for name in _companions(kind)}
    formats = {name: kind for name, kind in formats.items() if PurePath(name).name not in companions}
    if not formats:
        raise UserError(
            f"corpus.paths={corpus.paths}: {_by_kind(unknown) or 'no file with text'}: {_unknown()}"
        )
    _check_mixture(formats)
    _check_packages(formats)
    words = f"{_by_kind(unknown)} {'is' if len(unknown) == 1 else 'are'} left out" if unknown else ""
    return ChosenFiles(formats, words)


def _by_ending(names: Sequence[str], setting: str) -> tuple[dict[str, str], list[str]]:
    """The format by name, and the names of none."""
    if setting != "auto":
        return dict.fromkeys(names, setting), []
    endings = known_endings()
    found: dict[str, str] = {}
    unknown = []
    for name in names:
        kind = next((kind for ending, kind in endings.items() if name.lower().endswith(ending)), None)
        if kind is None:
            unknown.append(name)
        else:
            found[name] = kind
    return found, unknown


def _unknown() -> str:
    return (
        f"no format is known for this ending (known: {', '.join(sorted(known_endings()))}); "
        "rename the file, narrow corpus.paths, or set corpus.format"
    )


def _by_kind(names: Collection[str]) -> str:
    """How many files have which ending: `3 .jpg and 1 .zip`."""
    counts = Counter(PurePath(name).suffix.lower() or "without an ending" for name in names)
    parts = [
        f"{count:,} {ending}"
        for ending, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
    return enumerated(parts)


def _check_mixture(formats: Mapping[str, str]) -> None:
    first: dict[str, str] = {}
    for name, kind in formats.items():
        first.setdefault(kind, name)
    if len(first) > 1 and not all(file_format(kind).ONE_DOCUMENT for kind in first):
        examples = ", ".join(f"{name} ({kind})" for kind, name in first.items())
        raise UserError(
            f"corpus.paths mixes formats: {examples}; narrow corpus.paths to one, or give each "
            "format a part of its own (corpus=mixture). Only files of documents, such as text, stand beside each other"
        )


def _check_packages(formats: Mapping[str, str]) -> None:
    first: dict[str, str] = {}
    for name, kind in formats.items():
        first.setdefault(kind, name)
    modules = ((name, file_format(kind)) for kind, name in first.items())
    check_each(
        partial(check_packages, f"reading {name}", module.PACKAGES, "documents")
        for name, module in modules
        if isinstance(module, WithPackages)
    )


def _companions(kind: str) -> tuple[str, ...]:
    module = file_format(kind)
    return module.COMPANIONS if isinstance(module, WithCompanions) else ()
