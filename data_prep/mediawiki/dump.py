"""MediaWiki XML dumps (export schemas 0.9 to 0.11) read page by page, in constant memory.

Pages are found by searching for their tags: dumps escape ``<`` in all content, so nothing else can look like
one, and this is an order of magnitude faster than an XML parser. It is safe by construction too: no document
type is read and no entity is expanded except the predefined ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_prep.mediawiki.bz2_blocks import CorruptDataError
from data_prep.mediawiki.chunks import read_chunks
from data_prep.mediawiki.site import Site, parse_siteinfo
from pipeline.errors import UserError

_MAX_HEADER = 1 << 20
"""Bytes before the first page; real ones are about 5 kB."""
_MAX_PAGE = 1 << 30
"""Bytes of XML. A page of an article dump has at most a few MB; one that exceeds this never ends."""

_PAGE, _PAGE_END = b"<page>", b"</page>"
_DUMP_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<mediawiki|<page>)")
_ROOT = b"<mediawiki"
_REDIRECT = re.compile(rb'<redirect title="([^"]*)"')
_CHARACTER_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));")


class DumpError(UserError):
    """A dump that can't be read to its end; the pages before the damage have been yielded.

    Attributes: ``pages`` (complete pages read), ``offset`` (bytes into the file as it lies on disk).
    """

    def __init__(self, message: str, pages: int = 0, offset: int = 0) -> None:
        super().__init__(message)
        self.pages = pages
        self.offset = offset

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.pages, self.offset)


@dataclass(frozen=True, slots=True)
class Page:
    """The latest revision of a page."""

    id: int
    title: str
    namespace: int
    redirect: str | None
    """The title that the page redirects to."""
    text: str
    """Wikitext."""
    timestamp: str = ""
    """Of the revision, ISO 8601."""
    invalid_utf8: bool = False
    """Whether bytes of the text were not UTF-8; each such run became U+FFFD."""
    offset: int = field(default=0, compare=False)
    """Bytes into the file as it lies on disk, to the nearest block: for progress."""


def read_site(path: Path) -> Site:
    """What a dump (``.xml``, ``.xml.bz2`` or ``.xml.gz``) says about its wiki before its first page.

    Raises ``DumpError`` where the file is empty, no dump, or damaged before its first page.
    """
    path = Path(path)
    header = b""
    try:
        for data, _ in read_chunks(path):
            header += data
            end = header.find(_PAGE)
            if end >= 0 or len(header) > _MAX_HEADER:
                break
        _check_is_dump(path, header)
    except CorruptDataError as error:
        raise _damaged(path, error.reason, 0, error.offset) from error
    return parse_siteinfo(header[:end].decode("utf-8", "replace"))


def iter_pages(path: Path, workers: int = 1) -> Iterator[Page]:
    """Yield the pages of a dump in order; bz2 is decompressed by ``workers`` threads ahead of the parsing.

    Raises ``DumpError`` where the file is cut or damaged, once all complete pages before have been yielded.
    """
    path = Path(path)
    buffer = bytearray()  # because deleting from its front is cheap
    has_root: bool | None = None
    searched = pages = offset = 0
    try:
        for data, offset in read_chunks(path, workers):
            buffer += data
            if has_root is None:
                _check_is_dump(path, buffer)
                has_root = _ROOT in buffer  # streams cut out of a multistream dump are pages without one
            while (end := buffer.find(_PAGE_END, searched)) >= 0:
                try:
                    page = _parse_page(buffer, max(buffer.find(_PAGE, 0, end), 0), end, offset)
                except ValueError as error:
                    raise _damaged(path, f"a page that can't be read ({error})", pages, offset) from error
                del buffer[: end + len(_PAGE_END)]
                searched = 0
                pages += 1
                yield page
            searched = max(len(buffer) - len(_PAGE_END), 0)
            if len(buffer) > _MAX_PAGE:
                raise _damaged(path, f"a page that is over {_MAX_PAGE >> 30} GiB long", pages, offset)
    except CorruptDataError as error:
        raise _damaged(path, error.reason, pages, error.offset) from error
    if has_root is None:
        _check_is_dump(path, buffer)
    if _PAGE in buffer:
        raise _damaged(path, "the XML ends in the middle of a page", pages, path.stat().st_size)
    if has_root and b"</mediawiki>" not in buffer:
        raise _damaged(path, "the XML ends without closing <mediawiki>", pages, path.stat().st_size)


def _check_is_dump(path: Path, start: bytes | bytearray) -> None:
    if not start:
        raise DumpError(f"{path} is empty: download it again.")
    if not _DUMP_START.match(start):
        raise DumpError(
            f"{path} is no MediaWiki XML dump: it begins with {bytes(start[:40])!r}. "
            "Give a …-pages-articles.xml.bz2 from a wiki's dump site."
        )


def _damaged(path: Path, reason: str, pages: int, offset: int) -> DumpError:
    return DumpError(
        f"{path} is cut or damaged at byte {offset:,}: {reason}. {pages:,} complete pages come before. "
        "Download the file again and compare its checksum.",
        pages,
        offset,
    )


def _parse_page(buffer: bytearray, start: int, end: int, offset: int) -> Page:
    """The page in ``buffer[start:end]``."""
    # In a dump with full history the latest revision stands last. What the page says about itself comes
    # before its first; of a revision's contents, the main one comes first.
    first = buffer.find(b"<revision>", start, end)
    last = buffer.rfind(b"<revision>", start, end)
    head = bytes(buffer[start : end if first < 0 else first])
    redirect = _REDIRECT.search(head)
    text, invalid = "", False
    timestamp = ""
    if last >= 0:
        timestamp = _element(buffer, b"timestamp", last, end).decode("ascii", "replace")
        raw = _element(buffer, b"text", last, end)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text, invalid = raw.decode("utf-8", "replace"), True
        del raw  # a page may be large: free this copy before the next is made
        text = _unescape(text)
    return Page(
        id=int(_element(head, b"id") or 0),
        title=_unescape(_element(head, b"title").decode("utf-8", "replace")),
        namespace=int(_element(head, b"ns") or 0),
        redirect=_unescape(redirect[1].decode("utf-8", "replace")) if redirect else None,
        text=text,
        timestamp=timestamp,
        invalid_utf8=invalid,
        offset=offset,
    )


def _element(xml: bytes | bytearray, tag: bytes, start: int = 0, end: int | None = None) -> bytes | bytearray:
    """The content of the first such element from ``start`` on; empty where there is none."""
    end = len(xml) if end is None else end
    opening = xml.find(b"<" + tag, start, end)
    while opening >= 0 and xml[opening + len(tag) + 1] not in b" >/":
        opening = xml.find(b"<" + tag, opening + 1, end)
    if opening < 0:
        return b""
    content = xml.find(b">", opening, end) + 1
    if xml[content - 2 : content - 1] == b"/":
        return b""
    closing = xml.find(b"</" + tag + b">", content, end)
    return xml[content:closing] if closing >= 0 else b""


def _unescape(text: str) -> str:
    """Expand XML's own entities and character references; wikitext's (``&nbsp;``) are left to the cleaner."""
    if "&" not in text:
        return text
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, character)
    if "&#" in text:
        text = _CHARACTER_REFERENCE.sub(_character, text)
    # Last, so that what it uncovers is not expanded again.
    return text.replace("&amp;", "&")


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
