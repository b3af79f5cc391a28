"""Members of zip archives, such as office documents are, without trust in what they say of themselves."""

import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from pipeline.errors import UserError

MOST_EXPANDED = 256_000_000
"""Bytes of all that is read of an archive: more than any book has, and few enough for memory."""


class Members:
    """What is read of one archive, in memory; nothing is unpacked to disk."""

    def __init__(self, archive: zipfile.ZipFile, most: int):
        self._archive, self._left = archive, most

    def read(self, name: str) -> bytes:
        """Raises: KeyError: where there is no such member."""
        with self._archive.open(name) as file:
            data = file.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise zipfile.BadZipFile("it expands to more than is allowed")
        return data

    def xml(self, name: str) -> Element:
        """The root of a member in XML, in which no entities may be declared."""
        from defusedxml.ElementTree import fromstring

        return fromstring(self.read(name))


@contextmanager
def opening(path: Path, most: int = MOST_EXPANDED) -> Generator[Members]:
    """Around whatever reads the archive.

    Raises:
        UserError: where it is damaged, locked with a password, none of its kind, or expands to more than `most` bytes.
    """
    from defusedxml import DefusedXmlException

    try:
        with zipfile.ZipFile(path) as archive:
            yield Members(archive, most)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        ParseError,
        DefusedXmlException,
        KeyError,
        RuntimeError,
    ) as error:
        raise UserError(f"{path} is damaged, locked or no {path.suffix} file ({error})") from None


def tag(element: Element) -> str:
    """Its name without the namespace, of which documents have several for the same."""
    return element.tag.rpartition("}")[2]
