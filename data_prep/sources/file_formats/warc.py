"""Archives of the web: pages (WARC), of which trafilatura takes the text, or the text that was taken out (WET)."""

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path

from data_prep.text.html_text import html_text
from pipeline.config.corpora.files import FilesCorpus
from pipeline.formats.compressed import DAMAGE, cut_or_damaged

ENDINGS = (".warc", ".warc.gz", ".wet", ".wet.gz")
ONE_DOCUMENT = False
PACKAGES = ("warcio", "trafilatura", "lxml_html_clean")
MOST_BYTES = 4_000_000
"""Of a page: larger ones are lists and data."""


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Title and text of each page that was found; what is no page (pictures, redirects) is passed over.

    Raises:
        UserError: where the file is cut or damaged.
    """
    yield from page_texts(path)


def page_texts(path: Path) -> Iterator[tuple[str, str]]:
    """As `texts`."""
    import trafilatura
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it calls pages without a main text errors
    with path.open("rb") as file:
        try:
            _read_to_the_end(path)
            for record in ArchiveIterator(file):
                if record.rec_type == "conversion":
                    yield "", record.content_stream().read().decode("utf-8", "replace")
                elif record.rec_type == "response" and _is_page(record):
                    content = record.content_stream().read(MOST_BYTES)
                    title, _ = html_text(content)
                    yield title, trafilatura.extract(content, include_comments=False) or ""
        except (ArchiveLoadFailed, *DAMAGE, ValueError) as error:
            raise cut_or_damaged(path, error) from None


def _read_to_the_end(path: Path) -> None:
    """Raises: EOFError: where it is cut, of which warcio says nothing."""
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass


def _is_page(record: object) -> bool:
    headers = getattr(record, "http_headers", None)
    if headers is None or headers.get_statuscode() != "200":
        return False
    return headers.get_header("Content-Type", "").split(";")[0].strip() in (
        "text/html",
        "application/xhtml+xml",
    )
