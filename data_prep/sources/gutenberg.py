"""Books of Project Gutenberg, a document each."""

import shutil
from pathlib import Path

from data_prep.sources.conversion import DOCUMENTS, FILE_MB
from data_prep.sources.fetched_files import FETCHED, fetch_files
from data_prep.text.gutenberg import read_book
from pipeline.config.corpora.gutenberg import GutenbergCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import Source, describe_file


def fetch(corpus: GutenbergCorpus, context: Context, first_pause: float = 1.0) -> Source:
    """Fetch the books, and write those and the ones that are here as documents.

    Args:
        first_pause: seconds before the first retry; see `Downloader`.

    Raises:
        UserError: where there is no such book, the site stays out of reach, or a file is in another encoding than it
            says.
    """
    mirror = corpus.mirror.rstrip("/")
    urls = {f"pg{number}.txt": f"{mirror}/cache/epub/{number}/pg{number}.txt" for number in corpus.books}
    fetched = fetch_files(urls, "books", corpus.connections, corpus.retries, context, first_pause)
    files = [*fetched, *context.locate_files(corpus.paths)]
    folder = context.folder / DOCUMENTS
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt may have left more files than this one
    with (
        DocumentWriter(folder, "all", FILE_MB) as writer,
        context.progress("reading", len(files), "books") as bar,
    ):
        for path in files:
            title, text = _read(path)
            if text.strip():
                writer.write(Document(path.stem, text, title, "gutenberg"))
            bar.advance()
    shutil.rmtree(context.folder / FETCHED)
    written = document_files(folder, "all")
    if not written:
        raise UserError(f"empty corpus: the files of corpus.paths={corpus.paths} hold no text")
    return Source(
        "documents",
        "gutenberg",
        tuple(describe_file(path, context.folder) for path in written),
        license="public domain in the United States; look at each book elsewhere",
        attribution="Project Gutenberg",
        url="https://www.gutenberg.org",
    )


def _read(path: Path) -> tuple[str, str]:
    try:
        return read_book(path.read_bytes())
    except (UnicodeDecodeError, LookupError) as error:
        raise UserError(
            f"{path.name} is in another encoding than it says ({error}); leave it out, or convert it to UTF-8"
        ) from None
