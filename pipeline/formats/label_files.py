"""Plain texts in a zip archive, a line for each, in files whose ending is the label: Pang and Lee's form."""

import zipfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path, PurePosixPath

from pipeline.errors import UserError

DOCUMENTS = frozenset({"", ".txt", ".md", ".xml", ".html", ".pdf", ".json"})
"""Endings of files that say something about the others."""


def read_label_files(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each line stands, and its `text` and `label`: of `rt-polarity.pos` that is `pos`. Empty lines are left out.
    The files take turns, so that the first rows have all labels. What is no UTF-8 is read as Latin-1.

    Raises:
        UserError: where it is no archive, or has no such files.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                name
                for name in archive.namelist()
                if PurePosixPath(name).suffix not in DOCUMENTS and not name.startswith("__MACOSX")
            ]
            if not names:
                raise UserError(
                    f"{path} holds no files whose ending is a label, such as reviews.pos and reviews.neg; unpack it "
                    "and name the files in it"
                )
            lines = [_decoded(archive.read(name)).splitlines() for name in names]
    except zipfile.BadZipFile as error:
        raise UserError(f"{path} is no zip archive ({error}); get it again") from None
    for number, of_each in enumerate(zip_longest(*lines, fillvalue=""), 1):
        for name, line in zip(names, of_each, strict=True):
            if line.strip():
                fields = {"text": line.strip(), "label": PurePosixPath(name).suffix[1:]}
                yield f"{path}, {name}, line {number}", fields


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
