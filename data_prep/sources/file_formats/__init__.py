"""The formats of a corpus of files: a module for each, which its name in `corpus.format` and its endings find.

What the clean stage reads where it lies has `describe`. Anything else has `texts`, and becomes Parquet files of
documents in the download artifact, which can be cut into pieces whatever the format. Libraries that only one format
needs are imported inside its functions, since all modules are loaded to know their endings.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipeline.config.corpora.files import FORMATS, FilesCorpus
from pipeline.formats.source import Source, Split


class FileFormat(Protocol):
    """A module of this folder."""

    ENDINGS: tuple[str, ...]
    """In small letters."""
    ONE_DOCUMENT: bool
    """Whether a file is a document, as a rule: such files may stand beside those of other such formats."""


@runtime_checkable
class ReadInPlace(Protocol):
    """A format that the clean stage reads; the source's format has the module's name."""

    @staticmethod
    def describe(source: Source, paths: Sequence[Path], corpus: FilesCorpus, log: logging.Logger) -> Source:
        """The source with what the files say, which are its files in this order.

        Raises:
            UserError: where one is damaged, or not as the corpus's settings say.
        """
        ...


@runtime_checkable
class Converted(FileFormat, Protocol):
    """A format that becomes documents while the corpus is fetched."""

    @staticmethod
    def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
        """Titles (may be empty) and texts of its documents, in order.

        Raises:
            UserError: where it is damaged, or has no such field as the corpus's settings say.
        """
        ...


@runtime_checkable
class WithPackages(Protocol):
    """What a format may have that needs packages which not everyone has."""

    PACKAGES: tuple[str, ...]
    """As they are imported; the extra `documents` brings them."""


@runtime_checkable
class WithCompanions(Protocol):
    """What a format may have whose files have others beside them, which hold no text."""

    COMPANIONS: tuple[str, ...]
    """Names of files that are left out where there are files of the format."""

    @staticmethod
    def split(path: Path) -> Split | None:
        """The split that the file is of, where the corpus has splits of its own."""
        ...


def file_format(name: str) -> FileFormat:
    return FORMATS.load(name, FileFormat)


def known_endings() -> dict[str, str]:
    """The format's name by each ending, the longest endings first."""
    found = {ending: name for name in FORMATS.names() for ending in file_format(name).ENDINGS}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))
