"""Places that fsspec opens (`s3://`, `gs://`, `hf://`, `https://`, …) where a path may stand: what lies there.

Credentials and endpoints are those of each store's own environment variables and files; an address holds none.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.errors import UserError
from pipeline.redaction import masked
from pipeline.remote.errors import retried

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ARTIFACT_SCHEME = "artifact://"
GOOGLE = ("gs", "gcs")
EXTRAS = {"s3": "s3", "s3a": "s3", **dict.fromkeys(GOOGLE, "gcs")}
"""Optional dependencies of this project, by scheme."""
CONNECT_SECONDS, READ_SECONDS = 15, 60
LISTING_RETRIES = 2
"""Who is offline should not wait for minutes to be told. None for gcsfs, which itself tries for half a minute."""
QUESTIONS = 8
"""At a time, where a listing does not tell enough of its files."""

_REMOTE = re.compile(r"[A-Za-z][\w+.-]*(::.*)?://")
_GLOB = re.compile(r"[*?\[]")
# What stores call a checksum or a mark of the content, and when it was written; those of one line are alternatives.
_CONTENT = ("md5Hash", "ETag", "etag", "Content-MD5", "Digest", "blob_id", "xet_hash")
_WRITTEN = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modify", "modified")

# What gcsfs logs of failures, tracebacks included, would stand before our one line; a handler of the user's gets it.
logging.getLogger("gcsfs").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class StoredObject:
    """A file in a store."""

    url: str
    size: int | None
    """Bytes; None where the store does not say."""
    identity: str
    """Changes with the content: the store's checksum or mark of it with the size, else the time of writing."""
    root: int
    """How many parts of `place` belong to what was asked for, and not to the file's name within that."""

    @property
    def place(self) -> PurePosixPath:
        """A relative path for a copy, with bucket or host."""
        return _place(self.url)

    @property
    def inside(self) -> PurePosixPath:
        """The same, from the parent of what was asked for."""
        return PurePosixPath(*self.place.parts[self.root :])


def is_remote(path: str) -> bool:
    """Whether a path names something that is no local file, and no artifact's."""
    return _REMOTE.match(path) is not None and not path.startswith(ARTIFACT_SCHEME)


def address_problem(path: str) -> str | None:
    """What is wrong with a remote path, without what may be secret of it; None where nothing is.

    Configurations lie in every manifest: they must hold no key.
    """
    scheme, _, rest = path.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    is_web = scheme in ("http", "https")
    if "::" in path:
        return f"{scheme.partition('::')[0]}::… chains addresses; name the file as it lies in the store"
    if at and (is_web or ":" in user):
        return (
            f"{masked(path)} holds a user or password, which would be kept in manifests; give it by the store's "
            "environment variables or configuration (for https: ~/.netrc)"
        )
    if re.search(r"\?" if is_web else r"\?[^/]*=", rest):
        return (
            f"{masked(path)} goes on with a query, which may hold a signature and would be kept in manifests; use "
            "the store's own scheme (s3://, gs://, …) with credentials from the environment, or download the file"
        )
    return None


def basename(url: str) -> str:
    """Name of the file or folder that an address ends with."""
    return _place(url).name


def open_store(url: str) -> "tuple[AbstractFileSystem, str]":
    """The file system, and the path in its terms.

    Raises:
        UserError: for an address that must not be or a scheme that nothing here opens.
    """
    from fsspec.core import url_to_fs

    if problem := address_problem(url):
        raise UserError(problem)
    scheme = url.partition("://")[0]
    try:
        return url_to_fs(url, **_options(scheme))
    except ImportError as error:
        extra = EXTRAS.get(scheme)
        how = f"pip install --editable '.[{extra}]'" if extra else str(error)
        raise UserError(f"{url}: a package for {scheme}:// is not installed: {how}") from None
    except ValueError as error:
        raise UserError(f"{url} cannot be opened: {masked(str(error))}") from None


def _options(scheme: str) -> dict[str, Any]:
    """How a file system that speaks HTTP through aiohttp should do so."""
    if scheme not in ("http", "https", *GOOGLE):
        return {}
    import aiohttp

    # By default a download over http(s) ends after five minutes and gcsfs waits for a silent store for ever; neither
    # sees proxies.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    if scheme not in GOOGLE:
        return {"client_kwargs": {"timeout": timeout, "trust_env": True}}
    # Else gcsfs asks for each bucket's kind over gRPC, again with each call where it is not told, and for a minute
    # each where nothing answers.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    return {"requests_timeout": timeout, "session_kwargs": {"trust_env": True}}


def list_objects(url: str) -> list[StoredObject]:
    """The files that an address, folder (with all below it) or glob names, as they are now, by address.

    Raises:
        UserError: where there are none, or the store cannot be reached or refuses.
    """
    fs, path = open_store(url)

    def ask() -> list[StoredObject]:
        fs.invalidate_cache()
        root, found = _find(fs, url, path)
        files = {name: info for name, info in found.items() if not name.endswith("/")}  # else a folder's mark
        with ThreadPoolExecutor(QUESTIONS) as pool:  # listings of web servers tell names alone
            infos = pool.map(partial(_complete, fs), files.keys(), files.values())
            return [_describe(fs, name, info, root) for name, info in zip(files, infos, strict=True)]

    objects = retried(ask, url, 0 if url.partition("://")[0] in GOOGLE else LISTING_RETRIES)
    if not objects:
        raise UserError(f"no file at {url}; check the address, and quote globs")
    return sorted(objects, key=lambda each: each.url)


def _find(fs: "AbstractFileSystem", url: str, path: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Parts of the address that are no part of the files' names, and the files with what the store says of them."""
    from fsspec.utils import glob_translate

    if glob := _GLOB.search(path):
        start = path[: glob.start()].rpartition("/")[0]
        deep = "**" in path
        depth = None if deep else path.count("/") - start.count("/")
        below = dict(_walk(fs, start, depth)) if depth or _walks(fs) else _all_below(fs, start)
        matches = re.compile(glob_translate(path)).match
        return len(_place(fs.unstrip_protocol(start)).parts), {n: i for n, i in below.items() if matches(n)}
    parent = len(_place(url).parts) - 1
    # A web server has no folders: whether a page lists files cannot be known but by its address.
    if not (fs.protocol and "http" in fs.protocol and url.endswith("/")):
        info = fs.info(path)
        if info["type"] != "directory":
            return parent, {path: info}
    return parent, dict(_walk(fs, path, None)) if _walks(fs) else _all_below(fs, path)


def _all_below(fs: "AbstractFileSystem", path: str) -> dict[str, dict[str, Any]]:
    """Files below a folder, by the store's own listing."""
    found = fs.find(path, detail=True)
    assert isinstance(found, dict)  # as detail=True has it
    return {str(name): info for name, info in found.items()}


def _walks(fs: "AbstractFileSystem") -> bool:
    """Whether the store has no listing of its own of all that lies below a folder."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    if isinstance(fs, AsyncFileSystem):
        return type(fs)._find is AsyncFileSystem._find
    return type(fs).find is AbstractFileSystem.find


def _walk(fs: "AbstractFileSystem", path: str, depth: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Files below a folder. fsspec's own walk leaves out what it fails to list: half a corpus, without a word."""
    for info in fs.ls(path, detail=True):
        if info["type"] != "directory":
            yield info["name"], info
        elif info["name"].rstrip("/") != path.rstrip("/") and depth != 1:
            yield from _walk(fs, info["name"], depth and depth - 1)


def _complete(fs: "AbstractFileSystem", name: str, info: dict[str, Any]) -> dict[str, Any]:
    return info if _mark(info) and info.get("size") is not None else fs.info(name)


def _describe(fs: "AbstractFileSystem", name: str, info: Mapping[str, Any], root: int) -> StoredObject:
    return StoredObject(fs.unstrip_protocol(name), info.get("size"), identify(name, info), root)


def identify(name: str, info: Mapping[str, Any]) -> str:
    """Identity of a file's content from what a store says of it.

    Raises:
        UserError: where it says nothing by which a change would be seen.
    """
    mark = _mark(info)
    if mark is None:
        raise UserError(
            f"{masked(name)}: the server gives neither a checksum, an ETag nor a date, so that a change would not be "
            "seen; download the file and name the copy"
        )
    return f"{mark} {info.get('size')}"


def _mark(info: Mapping[str, Any]) -> str | None:
    return next((f"{key}={info[key]}" for key in (*_CONTENT, *_WRITTEN) if info.get(key)), None)


def _place(url: str) -> PurePosixPath:
    """A relative path of ordinary names, different for different addresses of one scheme."""
    parts = (part for part in url.partition("://")[2].split("/") if part)
    return PurePosixPath(*(quote(part, safe="") if part in (".", "..") else part for part in parts))
