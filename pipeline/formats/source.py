"""What the download stage hands to the clean stage: which files hold the corpus, and in what format."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from pipeline.errors import UserError
from pipeline.store.artifacts import write_json
from pipeline.store.file_hashes import hash_file

SOURCE_FILE = "source.json"

Format = Literal["documents", "text", "jsonl", "parquet", "mediawiki", "wikitext"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class SourceFile:
    """One file of a corpus. `split` is None where the corpus has no split of its own."""

    path: str
    """Relative to the artifact's folder; absolute for local files that are used in place."""
    bytes: int
    sha256: str
    split: Split | None = None
    modified: int | None = None
    """When a file that is used in place was last written, in nanoseconds; None of a copy in the artifact."""
    split_documents: bool = True
    """Of a `text` file: whether a blank line ends a document; else it is one."""


@dataclass(frozen=True)
class Source:
    """A corpus as downloaded.

    `documents` are Parquet files in the schema of `pipeline.formats.documents`; `parquet` and `jsonl` hold the text
    in `text_field`; `text` is plain text; `mediawiki` is an XML dump, plain or .bz2; `wikitext` is the line
    format of WikiText (` = Title = ` starts an article).
    """

    format: Format
    name: str
    files: tuple[SourceFile, ...]
    license: str | None = None
    attribution: str | None = None
    url: str | None = None
    date: str | None = None
    """Day of the dump, or revision of the data set, that was actually taken."""
    text_field: str = "text"

    def save(self, folder: Path) -> None:
        """Write `source.json` into the artifact's folder."""
        write_json(folder / SOURCE_FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "Source":
        """Read what `save` wrote.

        Raises:
            UserError: where the file is absent or was written by another version.
        """
        path = folder / SOURCE_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            files = tuple(SourceFile(**file) for file in values.pop("files"))
            source = cls(files=files, **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{path} cannot be read ({error}); delete its folder and run the download stage again"
            ) from None
        if source.format not in get_args(Format):
            raise UserError(f"{path}: unknown format {source.format!r}; known: {', '.join(get_args(Format))}")
        return source

    def locate(self, file: SourceFile, folder: Path) -> Path:
        """Where `file` is; `folder` is the download artifact's.

        Raises:
            UserError: where it is gone.
        """
        path = folder / file.path  # an absolute path replaces the folder
        if not path.is_file():
            raise UserError(
                f"{path} is gone; put it back (a link will do), or delete {_artifact(folder)}, which names it, and "
                "start again"
            )
        return path

    def check_unchanged(self, file: SourceFile, folder: Path) -> None:
        """What is made of a file counts as made of the content that was described.

        Raises:
            UserError: where a file that is used in place is gone, or holds something else by now.
        """
        path = self.locate(file, folder)
        stat = path.stat()
        if file.modified is None or (stat.st_size, stat.st_mtime_ns) == (file.bytes, file.modified):
            return
        if stat.st_size != file.bytes or _hash(path, stat.st_mtime_ns) != file.sha256:
            raise UserError(
                f"{path} has changed since the download stage saw it; start again, to take what it holds now. Where "
                f"corpus.paths names the file elsewhere by now, delete {_artifact(folder)} before"
            )


@cache
def _hash(path: Path, modified: int) -> str:
    return hash_file(path)


PARTS_FOLDER = "parts"
"""Of a download artifact: a folder per part of a mixture, each as the artifact of that corpus alone."""


def _artifact(folder: Path) -> Path:
    """The download artifact that a corpus's folder is, or is a part of."""
    return folder.parents[1] if folder.parent.name == PARTS_FOLDER else folder


def load_parts(folder: Path) -> dict[str, tuple[Source, Path]]:
    """The corpora of a download artifact, each with its folder: the parts of a mixture by name, or one named ""."""
    parts = sorted((folder / PARTS_FOLDER).glob("*/"))
    if not parts:
        return {"": (Source.load(folder), folder)}
    return {part.name: (Source.load(part), part) for part in parts}


def describe_file(path: Path, folder: Path, split: Split | None = None) -> SourceFile:
    """The entry of a file inside the artifact's `folder`, or of one elsewhere that is used in place."""
    inside = path.is_relative_to(folder)
    name = str(path.relative_to(folder)) if inside else os.path.abspath(path)  # a link keeps its own name
    stat = path.stat()  # before it is read: what is written meanwhile is then seen
    return SourceFile(name, stat.st_size, hash_file(path), split, None if inside else stat.st_mtime_ns)


def total_bytes(files: Sequence[SourceFile]) -> int:
    return sum(file.bytes for file in files)
