"""The pages in the content of a dump, found by their tags.

Dumps escape ``<`` in all content, so nothing else can look like a tag. This is an order of magnitude faster
than an XML parser, and safe by construction: no document type is read and no entity is expanded.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data_prep.mediawiki.bz2_blocks import Block
from data_prep.mediawiki.damage import Damage

_PAGE, _PAGE_END, _ROOT_END = b"<page>", b"</page>", b"</mediawiki>"
_TAG = b"page>"  # with which the first two end
_HEAD = 1 << 16
"""Bytes of an oversized page that are kept: what stands before its text is far shorter."""


@dataclass(slots=True)
class RawPage:
    """A page from ``<page>`` to ``</page>``; of an oversized one, only how it begins."""

    xml: bytes
    offset: int
    """Of the chunk in which the page ends, in bytes of the file."""
    begins: int
    """Where in the file the page begins, estimated within compressed blocks."""
    ends: int
    """Likewise."""
    oversized: bool


class PageFinder:
    """Finds the pages that begin in a range of the file.

    Args:
        end: the byte of the file behind the range; None for the end of the file.
        max_page: bytes of XML above which a page is oversized.

    Attributes:
        closed: whether ``</mediawiki>`` has been seen.
        at_end: whether the end of the file has been reached, within the range and undamaged.
    """

    def __init__(self, end: int | None, max_page: int) -> None:
        self.closed = self.at_end = False
        self._end = sys.maxsize if end is None else end
        self._max_page = max_page
        self._chunk = Block(b"", 0, 0)
        self._buffer = bytearray()  # because deleting from its front is cheap
        # Places in the buffer, which may have left it by its front.
        self._chunk_start = self._page_start = self._searched = 0
        self._limit: int | None = None  # where the range ends, once that is read
        self._inside = False  # whether a page has begun
        self._head = b""  # of an oversized page

    def find(self, chunks: Iterable[Block | Damage]) -> Iterator[RawPage | Damage]:
        """Yield the pages in order, and in their places the damages that lie in the range or cut a page of it.

        A page that is cut by a damage is lost, and with it what comes before the next ``<page>``.
        """
        for chunk in chunks:
            if isinstance(chunk, Damage):
                if self._limit is None and chunk.offset < self._end:
                    yield chunk
                else:
                    if self._inside:
                        yield self._damage(len(self._buffer), "a page is cut by the damage that follows")
                    return
                self._drop(len(self._buffer))
                self._inside = self.at_end = False
                continue
            if self._limit is None and chunk.offset >= self._end:
                self._limit = len(self._buffer)
            self._chunk, self._chunk_start = chunk, len(self._buffer)
            self._buffer += chunk.data
            # A range may begin within the last tag, or behind it.
            if len(self._buffer) < 2 * len(_ROOT_END) and _ROOT_END.endswith(self._buffer.strip()):
                self.closed = True
            self.at_end = self._limit is None
            while (self._inside or self._enter_page()) and (found := self._finish_page()):
                yield found
            if not self._inside and self._is_past(len(self._buffer) - len(_PAGE) + 1):
                return
        if self._inside:
            self.at_end = False
            yield self._damage(len(self._buffer), "the XML ends in the middle of a page")

    def _enter_page(self) -> bool:
        """Go to the next page of the range."""
        start = self._buffer.find(_PAGE)
        if start < 0:
            self.closed = self.closed or _ROOT_END in self._buffer
            self._drop(max(len(self._buffer) - len(_ROOT_END) + 1, 0))
            return False
        if self._is_past(start):
            return False
        self._drop(start)
        self._page_start, self._searched = 0, len(_PAGE)
        self._inside, self._head = True, b""
        return True

    def _finish_page(self) -> RawPage | Damage | None:
        """The page that has begun, if the buffer holds its end."""
        # One search for the end and for a beginning that comes before it.
        stop = self._buffer.find(_TAG, self._searched)
        while stop >= 0 and not self._buffer.endswith((b"<", b"</"), max(stop - 2, 0), stop):
            stop = self._buffer.find(_TAG, stop + 1)
        if stop >= 0 and self._buffer.endswith(b"<", stop - 1, stop):
            self._inside = False
            damage = self._damage(stop - 1, "a page that does not end before the next begins")
            self._drop(stop - 1)
            return damage
        if stop < 0:
            self._searched = max(len(self._buffer) - len(_PAGE_END) + 1, self._searched)
            if len(self._buffer) - self._page_start > self._max_page:
                self._head = self._head or bytes(self._buffer[:_HEAD])
                self._drop(self._searched)
            return None
        stop += len(_TAG)
        oversized = stop - self._page_start > self._max_page
        page = RawPage(
            xml=self._head or bytes(memoryview(self._buffer)[: _HEAD if oversized else stop]),
            offset=self._chunk.offset,
            begins=self._offset(self._page_start),
            ends=self._offset(stop),
            oversized=oversized,
        )
        self._drop(stop)
        self._inside = False
        return page

    def _is_past(self, place: int) -> bool:
        return self._limit is not None and place >= self._limit

    def _drop(self, size: int) -> None:
        """Let go of the front of the buffer."""
        del self._buffer[:size]
        self._chunk_start -= size
        self._page_start -= size
        self._searched -= size
        if self._limit is not None:
            self._limit -= size

    def _offset(self, place: int) -> int:
        """Where in the file a place in the buffer lies."""
        share = (place - self._chunk_start) / max(len(self._chunk.data), 1)
        return max(self._chunk.offset + round(share * self._chunk.size), 0)

    def _damage(self, stop: int, reason: str) -> Damage:
        begins = self._offset(self._page_start)
        return Damage(begins, max(self._offset(stop) - begins, 1), reason)
