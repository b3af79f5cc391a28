"""The identity of an artifact: a hash of everything that defines its content."""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pipeline.config.base import CONTENT, NEUTRAL, Content, Section, content_mark
from pipeline.config.plugins import code_of
from pipeline.errors import UserError
from pipeline.formats.folders import expand_paths
from pipeline.formats.hub import SCHEME, HubSplit, is_local
from pipeline.remote.listing import ARTIFACT_SCHEME, is_remote, list_objects
from pipeline.store.file_hashes import HashMemory


def fingerprint(
    name: str,
    version: int,
    config: Section,
    inputs: Mapping[str, str],
    hashes: "FileHashes",
    *,
    leave_out: Collection[object] = (NEUTRAL,),
) -> str:
    """16 hex digits from the stage, its version, the settings that define its result and its inputs' fingerprints.

    Args:
        leave_out: marks of fields that do not count.
    """
    identity = {
        "stage": name,
        "version": version,
        "config": _identity(config, hashes, leave_out),
        "inputs": dict(inputs),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _identity(value: Any, hashes: "FileHashes", leave_out: Collection[object], path: str = "") -> Any:
    """Args: path: the keys that lead to the value, each with a dot behind it."""
    if not isinstance(value, Section):
        if isinstance(value, (list, tuple)):
            return [_identity(item, hashes, leave_out, path) for item in value]
        if isinstance(value, dict):
            return {key: _identity(item, hashes, leave_out, f"{path}{key}.") for key, item in value.items()}
        return value
    fields: dict[str, Any] = {}
    for name, info in type(value).model_fields.items():
        item, key = getattr(value, name), f"{path}{name}"
        if not any(mark in info.metadata for mark in leave_out):
            mark = content_mark(info)
            fields[name] = (
                _content(key, item, mark, hashes) if mark else _identity(item, hashes, leave_out, f"{key}.")
            )
        elif isinstance(item, Section) and (files := _contents(item, hashes, key)):
            fields[name] = files
    if code := code_of(type(value)):
        fields["code"] = code
    return {**fields, **value.environment()}


def _content(key: str, value: Any, mark: Content, hashes: "FileHashes") -> Any:
    """Raises: UserError: as `FileHashes.content`, with the setting that names the files."""
    try:
        return hashes.content(value, mark)
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


def _contents(section: Section, hashes: "FileHashes", path: str) -> dict[str, Any]:
    """What may change a result all the same of a neutral section: the content of the files that it names, and the code
    of the plugin that it is from."""
    marks = {name: content_mark(info) for name, info in type(section).model_fields.items()}
    named = {name: (getattr(section, name), mark) for name, mark in marks.items() if mark}
    found = {
        name: _content(f"{path}.{name}", value, mark, hashes)
        for name, (value, mark) in named.items()
        if value is not None
    }
    code = code_of(type(section))
    return {**found, "code": code} if code else found


class FileHashes:
    """The content of what settings name: local files by their sha256, remembered; files in a store by what that says
    of them, asked once in the lifetime of this object."""

    def __init__(self, cache: Path):
        self._memory = HashMemory(cache)
        self._stored: dict[str, dict[str, list[str]]] = {}

    def content(self, value: Any, mark: Content) -> Any:
        """Identity of a path's content, of a list's, or the value itself where it names no file.

        Raises:
            UserError: where a path names nothing, or a store cannot be asked.
        """
        if value is None or (isinstance(value, str) and value.startswith(ARTIFACT_SCHEME)):
            return value
        if mark.in_order and isinstance(value, Mapping):
            return [[self.content(path, mark), weight] for path, weight in value.items()]
        if mark.in_order and value.startswith(SCHEME):
            split = HubSplit.parse(value)
            return [self.content(split.path, CONTENT), split.split] if is_local(split.path) else value
        if isinstance(value, str) and mark.or_name and not Path(value).expanduser().exists():
            return value
        paths = [value] if isinstance(value, str) else value
        artifacts = [
            path for path in paths if path.startswith(ARTIFACT_SCHEME)
        ]  # the inputs' fingerprints tell
        remote = [path for path in paths if is_remote(path)]
        local = [path for path in paths if path not in artifacts and path not in remote]
        files = [[path.name, self._memory.sha256(path)] for path in _read_of(local, mark)]
        self._memory.save()
        stored = {url: each for path in remote for url, each in self._ask(path).items()}
        return [*artifacts, *files, *(stored[url] for url in sorted(stored))]

    def _ask(self, path: str) -> dict[str, list[str]]:
        """Name and identity of each file by its address."""
        if path not in self._stored:
            objects = list_objects(path)
            self._stored[path] = {each.url: [each.place.name, each.identity] for each in objects}
        return self._stored[path]


def _read_of(paths: list[str], mark: Content) -> list[Path]:
    """The files among those that the paths name whose content is read."""
    reads = mark.reads
    folders = [path for path in paths if Path(path).expanduser().is_dir()] if reads else []
    try:
        files = expand_paths(path for path in paths if path not in folders)
    except UserError as error:
        raise UserError(f"{error}; {mark.otherwise}" if mark.otherwise else str(error)) from None
    if reads is None:
        return sorted(files)
    return sorted({*files, *(file for path in folders for file in reads(Path(path).expanduser()))})
