"""PDF files that hold text; pictures of pages are not read."""

import logging
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.corpora.files import FilesCorpus
from pipeline.errors import UserError

ENDINGS = (".pdf",)
ONE_DOCUMENT = True
PACKAGES = ("pypdf",)


def texts(path: Path, corpus: FilesCorpus) -> Iterator[tuple[str, str]]:
    """Title and text of all pages."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of each small fault that it reads past
    try:
        reader = PdfReader(path)
        title = reader.metadata.title if reader.metadata else None
        pages = [page.extract_text().strip() for page in reader.pages]
    except (
        Exception
    ) as error:  # what a parser of a format of such freedom meets in damaged files is of any kind
        raise UserError(f"{path} is damaged, locked or no PDF file ({error})") from None
    yield " ".join(str(title or "").split()), "\n\n".join(filter(None, pages))
