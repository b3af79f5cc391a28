"""MediaWiki XML dumps (export schemas 0.9 to 0.11) read page by page, in constant memory."""

from collections.abc import Callable, Generator
from functools import cached_property
from pathlib import Path

from data_prep.mediawiki.chunks import is_splittable, read_chunks
from data_prep.mediawiki.damage import Damage
from data_prep.mediawiki.page import Page, is_elsewhere, parse_page
from data_prep.mediawiki.page_finder import PageFinder, RawPage
from data_prep.mediawiki.site import Site, parse_siteinfo, warn_of_schema
from data_prep.mediawiki.sniff import problem_of_content, problem_of_file
from pipeline.errors import UserError

__all__ = ["Damage", "DumpError", "Page", "is_splittable", "iter_pages", "read_site"]

MAX_PAGE = 16 << 20
"""Bytes of XML. A page of an article dump has at most 2 MB of text."""
_MAX_HEADER = 1 << 20
"""Bytes before the first page; real ones are about 5 kB."""
_PROBE = 100
"""Pages of which one at least must have an id, and one a text."""


class DumpError(UserError):
    """A dump that can't be read to its end; the pages before the damage have been yielded.

    Attributes: ``pages`` (complete pages read), ``offset`` (bytes into the file as it lies on disk).
    """

    def __init__(self, message: str, pages: int = 0, offset: int = 0) -> None:
        super().__init__(message)
        self.pages = pages
        self.offset = offset

    def __reduce__(self) -> tuple[type["DumpError"], tuple[str, int, int]]:
        return type(self), (str(self), self.pages, self.offset)


def read_site(path: Path) -> Site:
    """What a dump (``.xml``, ``.xml.bz2`` or ``.xml.gz``) says about its wiki before its first page.

    Logs a warning where the dump's schema is not known.
    Raises ``DumpError`` where the file is empty, no dump, or damaged before its first page.
    """
    path = Path(path)
    header, damage = _read_header(path)
    if damage:
        raise _error(path, damage, 0)
    site = parse_siteinfo(header.decode("utf-8", "replace"))
    warn_of_schema(site, path)
    return site


def iter_pages(
    path: Path,
    workers: int = 1,
    *,
    start: int = 0,
    end: int | None = None,
    on_damage: Callable[[Damage], None] | None = None,
    max_page: int = MAX_PAGE,
    namespace: int | None = None,
) -> Generator[Page]:
    """Yield the pages of a dump, or of a range of its bytes, in order.

    Ranges that cover a file and don't overlap give each page once: in a plain file, a page belongs to the range
    in which its ``<page>`` begins; in bz2, a block belongs to the range in which it begins, and a page to the
    block in which its ``<page>`` begins. Reading goes on behind the range to the end of its last page. A range
    may hold no page.

    Args:
        workers: threads that decompress bz2 ahead of the parsing.
        start: of the range, in bytes of the file as it lies on disk.
        end: of the range; None for the end of the file.
        on_damage: told what can't be read; reading goes on behind it. A page that the damage cuts is lost.
        max_page: bytes of XML. A longer page is yielded without its text, as ``oversized``, and never held in
            memory.
        namespace: only pages of it are yielded; the others cost little more than finding them.

    Raises:
        DumpError: where the file is no dump; without ``on_damage`` also where it is cut or damaged, once all
            complete pages before have been yielded.
        ValueError: for a range of a ``.gz`` file, which can't be read from its middle on.
    """
    path = Path(path)
    if start and not is_splittable(path):
        raise ValueError(f"{path.name} can't be read from byte {start} on")
    if start == 0:
        _read_header(path)
    reader = _PageReader(path, on_damage, namespace)
    finder = PageFinder(end, max_page)
    for found in finder.find(read_chunks(path, workers, start, end)):
        if isinstance(found, Damage):
            reader.report(found)
        elif (page := reader.read(found)) is not None:
            yield page
    if finder.at_end and not finder.closed and _has_root(path):
        reader.report(Damage(path.stat().st_size, 0, "the XML ends without closing <mediawiki>"))


class _PageReader:
    """Makes pages of the XML that is found, counts them, and sees early whether they have what pages must have."""

    def __init__(self, path: Path, on_damage: Callable[[Damage], None] | None, namespace: int | None) -> None:
        self._path, self._on_damage, self._namespace = path, on_damage, namespace
        self._pages = 0
        self._has_id = self._has_text = False

    @cached_property
    def _site(self) -> Site:
        return parse_siteinfo(_read_header(self._path)[0].decode("utf-8", "replace"))

    def read(self, found: RawPage) -> Page | None:
        """The page; None for one of another namespace than is asked for, or that can't be read."""
        if self._namespace is not None and is_elsewhere(found.xml, self._namespace):
            return None
        try:
            page = parse_page(
                found.xml, found.offset, found.oversized, lambda title: self._site.namespace_of(title)
            )
        except ValueError as error:
            reason = f"a page that can't be read ({error})"
            self.report(Damage(found.begins, max(found.ends - found.begins, 1), reason), error)
            return None
        if self._namespace is not None and page.namespace != self._namespace:
            return None
        self._pages += 1
        if self._pages <= _PROBE and self._namespace is None:
            self._probe(page)
        return page

    def report(self, damage: Damage, cause: Exception | None = None) -> None:
        """Tell of the damage, or raise ``DumpError`` where nobody wants to be told."""
        if self._on_damage is None:
            raise _error(self._path, damage, self._pages) from cause
        self._on_damage(damage)

    def _probe(self, page: Page) -> None:
        self._has_id = self._has_id or page.id > 0
        self._has_text = self._has_text or bool(page.text) or page.oversized
        if self._pages == _PROBE and not (self._has_id and self._has_text):
            raise _without(self._path, "<text>" if self._has_id else "<id>", self._site.schema)


def _read_header(path: Path) -> tuple[bytes, Damage | None]:
    """What stands before the first page, and the damage before it. Raises ``DumpError`` where it is no dump."""
    with open(path, "rb") as file:
        if problem := problem_of_file(path.name, file.read(1 << 12)):
            raise DumpError(f"{path} {problem}")
    header, damage = b"", None
    for chunk in read_chunks(path):
        if isinstance(chunk, Damage):
            damage = chunk
            break
        header += chunk.data
        if b"<page>" in header or len(header) > _MAX_HEADER:
            break
    if (header or not damage) and (problem := problem_of_content(path, header)):
        raise DumpError(f"{path} {problem}")
    return header.partition(b"<page>")[0], damage


def _has_root(path: Path) -> bool:
    """Streams cut out of a multistream dump are pages without one."""
    header, damage = _read_header(path)
    return damage is not None or b"<mediawiki" in header


def _without(path: Path, element: str, schema: str) -> DumpError:
    return DumpError(
        f"{path}: none of {_PROBE} pages has a {element} with content (schema {schema or 'not given'}). A dump of "
        '"stubs" has no texts: give a …-pages-articles.xml.bz2; of a newer schema, this release can\'t read pages.'
    )


def _error(path: Path, damage: Damage, pages: int) -> DumpError:
    return DumpError(
        f"{path} is cut or damaged at byte {damage.offset:,}: {damage.reason}. {pages:,} complete pages come "
        "before. Download the file again and compare its checksum.",
        pages,
        damage.offset,
    )
