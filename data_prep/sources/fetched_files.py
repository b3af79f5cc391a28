"""Files by their addresses, whose publisher tells no checksums: fetched side by side, resumed, kept until they are
read."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event

from data_prep.sources.http import Downloader, RemoteFile
from pipeline.context import Context
from pipeline.remote.side_by_side import side_by_side

FETCHED = "fetched"
"""Folder of the artifact."""


def fetch_files(
    urls: Mapping[str, str], what: str, connections: int, retries: int, context: Context, first_pause: float
) -> list[Path]:
    """Those that are not there yet are fetched; gives all, in order.

    Args:
        urls: by the names that the files get.
        what: names the work beside its bar.
        first_pause: seconds before the first retry; see `Downloader`.

    Raises:
        UserError: where one does not exist, or its server stays out of reach. What was downloaded is kept.
    """
    folder = context.folder / FETCHED
    folder.mkdir(exist_ok=True)

    def download(file: RemoteFile, advance: Callable[[int], None], stop: Event) -> None:
        Downloader(retries, context.log, first_pause, stop).file(file, folder / file.name, advance)

    missing = [RemoteFile(url, name) for name, url in urls.items() if not (folder / name).exists()]
    side_by_side(
        [partial(download, file) for file in missing], connections, context.progress(what, None, "MB", 1e6)
    )
    return [folder / name for name in urls]
