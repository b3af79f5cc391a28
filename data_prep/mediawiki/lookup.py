"""One page of a dump by its title; of a multistream dump with its index, without reading the rest."""

import bz2
import html
import logging
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

from data_prep.mediawiki.dump import Page, iter_pages, read_site
from data_prep.mediawiki.site import Site

_log = logging.getLogger("data_prep.mediawiki")

_MULTISTREAM = re.compile(r"(.*multistream)(\d*)\.xml(.*)\.bz2")
_STREAM_START = re.compile(rb"BZh[1-9]1AY&SY")


class _WrongIndexError(Exception):
    """An index is none, or not this dump's; says why, in a clause."""


def find_page(path: Path, title: str) -> Page | None:
    """The page of a dump with a title, or None where there is none.

    Underscores stand for spaces, and whether the first letter's case matters is as in the wiki. One redirect is
    followed, where its target is in the dump. An index beside a multistream dump
    (``…-multistream-index.txt.bz2``, or ``.txt``) is used; one that does not fit is logged as a warning, and
    the dump is read from its beginning, as one without an index is.

    Raises ``DumpError`` as ``iter_pages`` does.
    """
    path = Path(path)
    site = read_site(path)
    index = _index_of(path)
    if index is not None:
        try:
            return _follow(title, lambda wanted: _find_by_index(path, index, wanted, site))
        except (_WrongIndexError, OSError, EOFError) as error:
            _log.warning(
                "%s is no index of %s (%s), which is read from its beginning instead. Download both from the "
                "same dump.",
                index,
                path.name,
                error,
            )
    return _follow(title, lambda wanted: _find_by_reading(iter_pages(path), wanted, site))


def _follow(title: str, find: Callable[[str], Page | None]) -> Page | None:
    page = find(title)
    return page if page is None or page.redirect is None else find(page.redirect) or page


def _index_of(path: Path) -> Path | None:
    if not (name := _MULTISTREAM.fullmatch(path.name)):
        return None
    beside = path.with_name(f"{name[1]}-index{name[2]}.txt{name[3]}")
    packed = beside.with_name(f"{beside.name}.bz2")
    return next((index for index in (packed, beside) if index.is_file()), None)


def _find_by_reading(pages: Generator[Page], title: str, site: Site) -> Page | None:
    wanted = _normalize(title, site)
    with closing(pages):
        return next((page for page in pages if _normalize(page.title, site) == wanted), None)


def _find_by_index(path: Path, index: Path, title: str, site: Site) -> Page | None:
    """Raises ``_WrongIndexError``, ``OSError`` or ``EOFError`` where the index is none of this dump."""
    number, title_in_namespace = _normalize(title, site)
    prefix = f"{site.namespaces[number]}:" if number else ""
    wanted = f"{prefix}{title_in_namespace}"
    # Some indexes escape titles as XML does.
    spellings = {form.encode() for form in (wanted, html.escape(wanted), html.escape(wanted, quote=False))}
    start = following = None
    offsets = []  # the first and the last
    for offset, name in _read_index(index):
        offsets[1:] = [offset]
        if start is not None and offset > start:
            following = offset
            break
        if start is None and name in spellings:
            start = offset
    if not offsets:
        raise _WrongIndexError("it is empty")
    # Where the title is missing, it must at least be this dump that it is missing in.
    for offset in [start] if start is not None else offsets:
        _check_stream(path, offset)
    if start is None:
        return None
    page = _find_by_reading(iter_pages(path, start=start, end=following), title, site)
    if page is None:
        raise _WrongIndexError(f"{title!r} is not in the stream at byte {start:,}")
    return page


def _read_index(index: Path) -> Iterator[tuple[int, bytes]]:
    """Each line's offset of a stream, and title."""
    with bz2.open(index) if index.suffix.lower() == ".bz2" else open(index, "rb") as lines:
        for line in lines:
            offset, _, rest = line.rstrip(b"\n").partition(b":")
            number, colon, title = rest.partition(b":")
            if not (offset.isdigit() and number.isdigit() and colon):
                raise _WrongIndexError(f"a line of it is {line[:60]!r}")
            yield int(offset), title


def _check_stream(path: Path, offset: int) -> None:
    with open(path, "rb") as file:
        file.seek(offset)
        if not _STREAM_START.match(file.read(10)):
            raise _WrongIndexError(f"no stream begins at byte {offset:,}")


def _normalize(title: str, site: Site) -> tuple[int, str]:
    """A title's namespace and the rest of it, such that titles of one page are equal."""
    number = site.namespace_of(title)
    name = title.partition(":")[2] if number else title
    name = " ".join(name.replace("_", " ").split())
    if site.case == "first-letter":
        name = name[:1].upper() + name[1:]
    return number, name
