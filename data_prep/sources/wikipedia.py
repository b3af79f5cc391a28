"""Article dumps of a Wikimedia project: listed, downloaded in parallel, verified, resumed."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from threading import Event

from data_prep.mediawiki.site import WIKIMEDIA_LICENSE
from data_prep.sources.http import Downloader, RemoteFile
from data_prep.sources.wikimedia_dumps import article_files, newest_complete
from pipeline.config.corpora.wikipedia import WikipediaCorpus
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.source import Source, describe_file
from pipeline.remote.side_by_side import side_by_side
from pipeline.store.markers import is_done, read_marker, write_marker

LISTING = "listing.json"


def fetch(corpus: WikipediaCorpus, context: Context, first_pause: float = 1.0) -> Source:
    """Download the dump's article files into the artifact.

    Args:
        first_pause: seconds before the first retry; see `Downloader`.

    Raises:
        UserError: where there is no such dump, the mirror stays out of reach, a file is wrong, or the disk is
            too small. What was downloaded is kept.
    """
    date, files = _listing(corpus, context, first_pause)
    missing = [file for file in files if not (context.folder / file.name).exists()]
    _download(missing, corpus, context, first_pause)
    return Source(
        format="mediawiki",
        name=corpus.project,
        files=tuple(describe_file(context.folder / file.name, context.folder) for file in files),
        license=WIKIMEDIA_LICENSE,
        attribution=f"The contributors of {corpus.project}, dump of {date}",
        url=f"{corpus.mirror.rstrip('/')}/{corpus.project}/{date}/",
        date=date,
    )


def _listing(corpus: WikipediaCorpus, context: Context, first_pause: float) -> tuple[str, list[RemoteFile]]:
    """Date and files, asked once: a resumed download stays with the dump that it began."""
    path = context.folder / LISTING
    if is_done(path):
        kept = read_marker(path)
        return kept["date"], [RemoteFile(**file) for file in kept["files"]]
    read = Downloader(corpus.retries, context.log, first_pause).text
    mirror = corpus.mirror.rstrip("/")
    if corpus.date == "latest":
        date, files = newest_complete(read, mirror, corpus.project)
    else:
        date, files = corpus.date, article_files(read, mirror, corpus.project, corpus.date)
    if not files:
        raise UserError(
            f"{mirror}/{corpus.project}/{date}/ has no complete article dump: too old, still being made, or "
            f"never was. {mirror}/{corpus.project}/ lists the days; corpus.date=latest takes the newest"
        )
    files = files[: corpus.parts]
    write_marker(path, {"date": date, "files": [asdict(file) for file in files]})
    return date, files


def _download(files: list[RemoteFile], corpus: WikipediaCorpus, context: Context, first_pause: float) -> None:
    def download(file: RemoteFile, advance: Callable[[int], None], stop: Event) -> None:
        downloader = Downloader(corpus.retries, context.log, first_pause, stop)
        downloader.file(file, context.folder / file.name, advance)

    side_by_side(
        [partial(download, file) for file in files],
        corpus.connections,
        context.progress(corpus.project, _remaining_bytes(files, context), "MB", 1e6),
    )


def _remaining_bytes(files: list[RemoteFile], context: Context) -> float | None:
    """Bytes still to fetch, None where the mirror does not say; and the check that the disk holds them."""
    sizes = [file.size for file in files if file.size is not None]
    if len(sizes) < len(files):
        return None
    parts = [context.folder / f"{file.name}.part" for file in files]
    remaining = sum(sizes) - sum(part.stat().st_size for part in parts if part.exists())
    free = shutil.disk_usage(context.folder).free
    if remaining > free:
        raise UserError(
            f"the download needs {remaining / 1e9:,.1f} GB, {context.folder} has {free / 1e9:,.1f} GB; "
            "free some space, set run.artifacts to a larger disk, or take fewer corpus.parts"
        )
    return remaining
