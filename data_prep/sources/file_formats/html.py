"""Pages of the web: the text of each without menus and the like, as far as trafilatura tells them."""

import logging
from collections.abc import Iterator
from pathlib import Path

from data_prep.text.html_text import html_text
from pipeline.config.corpora.files import FilesCorpus

ENDINGS = (".html", ".htm")
ONE_DOCUMENT = True
PACKAGES = ("trafilatura", "lxml_html_clean")


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Title and text of the page: all of its words where none stand out as its text."""
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it calls pages without a main text errors
    content = path.read_bytes()
    title, words = html_text(content)
    yield title, trafilatura.extract(content, include_comments=False) or words
