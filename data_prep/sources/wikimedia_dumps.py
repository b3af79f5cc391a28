"""Which files make up an article dump of a Wikimedia project, from what its mirror publishes."""

import json
import re
from collections.abc import Callable
from typing import Any

from data_prep.sources.http import NotFoundError, RemoteFile
from pipeline.errors import UserError

CHECKSUM_LENGTH = {"sha1": 40, "md5": 32}
OLDEST_TRIED = 8
"""Dumps looked at for the newest complete one."""

ReadText = Callable[[str], str]


def newest_complete(read: ReadText, mirror: str, project: str) -> tuple[str, list[RemoteFile]]:
    """Date and files of the newest dump whose articles are complete.

    Raises:
        UserError: where the project is unknown or has no such dump.
    """
    url = f"{mirror}/{project}/"
    try:
        dates = sorted(set(re.findall(r'href="(?:[^"]*/)?(\d{8})/?"', read(url))), reverse=True)
    except NotFoundError:
        raise UserError(
            f"{url} does not exist: corpus.project={project} is no database name of the mirror's "
            "(enwiki, dewiki, simplewiki, enwiktionary, …)"
        ) from None
    for date in dates[:OLDEST_TRIED]:
        if files := article_files(read, mirror, project, date):
            return date, files
    raise UserError(
        f"{url} lists no complete article dump (dates: {', '.join(dates[:OLDEST_TRIED]) or 'none'})"
    )


def article_files(read: ReadText, mirror: str, project: str, date: str) -> list[RemoteFile]:
    """The dump's article files, in page order, with sizes and checksums; none where it is not complete.

    Multistream files are preferred, since they can be decompressed in parallel, and parts to one large file.
    """
    folder = f"{mirror}/{project}/{date}"
    published = _from_status(read, folder)
    if published is None:
        published = _from_checksums(read, folder, f"{project}-{date}")
    pattern = re.compile(
        rf"{project}-{date}-pages-articles(?P<multi>-multistream)?\d*\.xml(-p(?P<first>\d+)p\d+)?\.bz2"
    )
    kinds: dict[tuple[bool, bool], list[tuple[int, RemoteFile]]] = {}
    for name, facts in published.items():
        if match := pattern.fullmatch(name):  # which also keeps names with a path in them out
            remote = RemoteFile(url=f"{folder}/{name}", name=name, **facts)
            kind = (match["multi"] is not None, match["first"] is not None)
            kinds.setdefault(kind, []).append((int(match["first"] or 0), remote))
    best = kinds[max(kinds)] if kinds else []
    return [remote for _, remote in sorted(best, key=lambda pair: pair[0])]


def _from_status(read: ReadText, folder: str) -> dict[str, dict[str, Any]] | None:
    """Size and checksum by name, of the jobs that dumpstatus.json calls done; None without that file."""
    try:
        jobs = json.loads(read(f"{folder}/dumpstatus.json"))["jobs"].values()
        files = [entry for job in jobs if job["status"] == "done" for entry in job.get("files", {}).items()]
        return {
            name: {"algorithm": algorithm, "checksum": facts[algorithm], "size": facts.get("size")}
            for name, facts in files
            for algorithm in [next(filter(facts.__contains__, CHECKSUM_LENGTH), None)]
            if algorithm
        }
    except (NotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _from_checksums(read: ReadText, folder: str, prefix: str) -> dict[str, dict[str, Any]]:
    """The same without sizes from the lists of checksums, which some mirrors have alone."""
    for algorithm, length in CHECKSUM_LENGTH.items():
        try:
            listed = read(f"{folder}/{prefix}-{algorithm}sums.txt")
        except NotFoundError:
            continue
        lines = re.findall(rf"^([0-9a-f]{{{length}}}) [ *](\S+)$", listed, re.MULTILINE)
        return {name: {"algorithm": algorithm, "checksum": checksum} for checksum, name in lines}
    return {}
