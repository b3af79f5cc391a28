"""A page of a dump, from its XML."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from data_prep.mediawiki.redirects import redirect_target

_REDIRECT = re.compile(rb'<redirect title="([^"]*)"')
_NAMESPACE = re.compile(rb"<ns>(-?\d{1,9})</ns>")
_MOST_HEAD = 4096
"""Bytes before which a page's namespace stands: a title has 255 at most, and some more as XML."""
_CHARACTER_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));")


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
    model: str = "wikitext"
    """Of the content: `css`, `json`, `Scribunto`, `wikibase-item`, … are no wikitext."""
    oversized: bool = False
    """Whether the page is longer than was asked for; its text is left out."""
    offset: int = field(default=0, compare=False)
    """Bytes into the file as it lies on disk, to the nearest block: for progress."""


def parse_page(
    xml: bytes, offset: int, oversized: bool, namespace_of: Callable[[str], int] = lambda title: 0
) -> Page:
    """The page in ``xml``, which of an oversized one is only the beginning.

    ``namespace_of`` a title is asked where the page does not say it: before schema 0.5, none did.
    Raises ``ValueError`` where it can't be told what the page is.
    """
    # In a dump with full history the latest revision stands last. What the page says about itself comes
    # before its first; of a revision's contents, the main one comes first.
    first, last = xml.find(b"<revision>"), xml.rfind(b"<revision>")
    head = xml if first < 0 else xml[:first]
    redirect = _REDIRECT.search(head)
    text, invalid = "", False
    timestamp = model = ""
    if last >= 0:
        timestamp = _element(xml, b"timestamp", last).decode("ascii", "replace")
        model = _element(xml, b"model", last).decode("ascii", "replace")
    if last >= 0 and not oversized:
        raw = _element(xml, b"text", last)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text, invalid = raw.decode("utf-8", "replace"), True
        del raw  # a page may be large: free this copy before the next is made
        text = _unescape(text)
    title = _unescape(_element(head, b"title").decode("utf-8", "replace"))
    namespace = _element(head, b"ns")
    return Page(
        id=int(_element(head, b"id") or 0),
        title=title,
        namespace=int(namespace) if namespace else namespace_of(title),
        redirect=_unescape(redirect[1].decode("utf-8", "replace")) if redirect else redirect_target(text),
        text=text,
        timestamp=timestamp,
        invalid_utf8=invalid,
        model=model or "wikitext",  # before schema 0.8, there was no other
        oversized=oversized,
        offset=offset,
    )


def is_elsewhere(xml: bytes, namespace: int) -> bool:
    """Whether the page says that it is in another namespace."""
    found = _NAMESPACE.search(xml, 0, _MOST_HEAD)
    return found is not None and int(found[1]) != namespace


def _element(xml: bytes, tag: bytes, start: int = 0) -> bytes:
    """The content of the first such element from ``start`` on; empty where there is none.

    Raises ``ValueError`` where it is not closed.
    """
    opening = xml.find(b"<" + tag, start)
    while opening >= 0 and xml[opening + len(tag) + 1] not in b" >/":
        opening = xml.find(b"<" + tag, opening + 1)
    if opening < 0:
        return b""
    content = xml.find(b">", opening) + 1
    if xml[content - 2 : content - 1] == b"/":
        return b""
    closing = xml.find(b"</" + tag + b">", content)
    if closing < 0:
        raise ValueError(f"<{tag.decode()}> is not closed")
    return xml[content:closing]


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
