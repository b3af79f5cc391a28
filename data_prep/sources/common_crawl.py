"""Files of Common Crawl, a document for each page."""

import gzip
import shutil
from collections.abc import Iterable

from data_prep.sources.conversion import DOCUMENTS, FILE_MB
from data_prep.sources.fetched_files import FETCHED, fetch_files
from data_prep.sources.file_formats.warc import PACKAGES, page_texts
from pipeline.config.corpora.common_crawl import CommonCrawlCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.documents import Document, DocumentWriter, document_files
from pipeline.formats.source import Source, describe_file
from pipeline.known import Known
from pipeline.packages import check_packages

LISTING = "paths.gz"


def foretell(corpus: CommonCrawlCorpus, known: Known) -> Iterable[str]:
    """Raises: UserError: where a package is missing that reads the files."""
    check_packages("corpus=common_crawl", PACKAGES, "documents")
    return ()


def fetch(corpus: CommonCrawlCorpus, context: Context, first_pause: float = 1.0) -> Source:
    """Fetch the files, and write their pages as documents.

    Args:
        first_pause: seconds before the first retry; see `Downloader`.

    Raises:
        UserError: where there is no such crawl or file, the site stays out of reach, or a file is damaged.
    """
    urls = _urls(corpus, context, first_pause)
    paths = fetch_files(urls, "crawl", corpus.connections, corpus.retries, context, first_pause)
    folder = context.folder / DOCUMENTS
    shutil.rmtree(folder, ignore_errors=True)  # a killed attempt may have left more files than this one
    with (
        DocumentWriter(folder, "all", FILE_MB) as writer,
        context.progress("reading", len(paths), "files", items="documents") as bar,
    ):
        for path in paths:
            for number, (title, text) in enumerate(page_texts(path)):
                if text.strip():
                    writer.write(
                        Document(f"{path.name}:{number}", text, title, corpus.crawl or "common_crawl")
                    )
                    bar.advance(0, 1)
            bar.advance()
    shutil.rmtree(context.folder / FETCHED)
    written = document_files(folder, "all")
    if not written:
        raise UserError("empty corpus: the files hold no pages with text")
    return Source(
        "documents",
        corpus.crawl or "common_crawl",
        tuple(describe_file(path, context.folder) for path in written),
        license="pages of many owners, under Common Crawl's terms of use",
        attribution="Common Crawl and the authors of the pages",
        url="https://commoncrawl.org/terms-of-use",
        date=corpus.crawl or None,
    )


def _urls(corpus: CommonCrawlCorpus, context: Context, first_pause: float) -> dict[str, str]:
    """Addresses by the names of the files here."""
    if corpus.urls:
        found = corpus.urls
    else:
        mirror = corpus.mirror.rstrip("/")
        listing = f"{mirror}/crawl-data/{corpus.crawl}/{corpus.form}.paths.gz"
        (path,) = fetch_files({LISTING: listing}, "listing", 1, corpus.retries, context, first_pause)
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").split()
        found = [f"{mirror}/{line}" for line in lines[: corpus.files]]
        if len(lines) < corpus.files:
            raise UserError(f"corpus.files={corpus.files}, but {corpus.crawl} has {len(lines):,} files")
    return {f"{number:05d}-{url.rpartition('/')[2]}": url for number, url in enumerate(found)}
