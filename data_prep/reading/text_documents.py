"""How files of plain text become documents: each as a whole, a list of short texts at its blank lines."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from pipeline.formats.source import SourceFile
from pipeline.formats.text_lists import is_list, is_list_of_lines, runs_on
from pipeline.text.counts import counted

LONGEST_TEXT = 16_000_000
"""Bytes. No single text is longer (the Bible has 4.5 MB): a larger file that is no list holds many, and is cut."""
SECTION_BYTES = 1_000_000
"""Of such a file about so much becomes a document: it ends at the next blank line."""
_NAMED = 3


def splits_at_blank_lines(path: Path, setting: bool | Literal["auto"]) -> bool:
    """Whether a blank line ends a document in this file; `setting` is `corpus.split_documents`."""
    return is_list(path) if setting == "auto" else setting


def without_blank_lines(files: Iterable[tuple[Path, bool]]) -> str | None:
    """What to tell of files that are to be cut at blank lines and have none between their lines; None without such.

    Args:
        files: path, and whether blank lines end documents in it.
    """
    uncut = [path.name for path, splits in files if splits and runs_on(path)]
    if not uncut:
        return None
    return (
        f"{counted(len(uncut), 'text file has', 'text files have')} no blank line, which is all that "
        f"corpus.split_documents=true cuts at, and {'stays' if len(uncut) == 1 else 'each stays'} one document: "
        f"{_named(uncut)}. Put blank lines between the texts, or give them as JSON lines with a text each"
    )


def section_bytes(file: SourceFile) -> int | None:
    """At what distance a file that is no list is cut; None where it is one document."""
    return SECTION_BYTES if file.bytes > LONGEST_TEXT else None


def describe_text_files(files: Sequence[tuple[Path, int, bool]]) -> Iterator[str]:
    """What becomes of text files, in words.

    Args:
        files: path, bytes and whether blank lines end documents in it.
    """
    lists = [path.name for path, _, splits in files if splits and not runs_on(path)]
    large = [path.name for path, size, splits in files if not splits and size > LONGEST_TEXT]
    if whole := len(files) - len(lists) - len(large):
        yield f"{whole:,} text file{'s are one document each' if whole > 1 else ' is one document'}"
    if of_lines := [path.name for path, _, splits in files if not splits and is_list_of_lines(path)]:
        yield (
            f"{_named(of_lines)}: about a sentence a line without blank lines, all of it one document. If each line is "
            "a text of its own, put blank lines between them and set corpus.split_documents=true, or give them as JSON "
            "lines with a text each"
        )
    if lists:
        what = "are lists of short texts" if len(lists) > 1 else "is a list of short texts"
        yield f"{len(lists):,} {what}, where a blank line ends a document: {_named(lists)}"
    if large:
        yield (
            f"{len(large):,} of more than {LONGEST_TEXT // 1_000_000} MB become documents of about "
            f"{SECTION_BYTES // 1_000_000} MB, which end at a blank line: {_named(large)}"
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
