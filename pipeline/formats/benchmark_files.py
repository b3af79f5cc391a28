"""The files that a task of lm-evaluation-harness is made of, read without the harness, which takes seconds to load."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.store.file_hashes import hash_file

ENDINGS = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):
    """Reads `!function utils.process` as that text, and runs nothing."""


def _name_of_function(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return loader.construct_scalar(node)


_Loader.add_constructor("!function", _name_of_function)


def is_task_file(task: str) -> bool:
    """Whether a task is described by a file of the user's, and not by the harness."""
    return task.endswith(ENDINGS)


def content_of(task: str, data: Mapping[str, Sequence[str]]) -> str:
    """A hash of all files that a task of the user's is made of, and of those that `data` names. Absent ones are left
    out here: the preflight tells of them."""
    files = [Path(name).expanduser() for split in sorted(data) for name in data[split]]
    if is_task_file(task):
        files += task_files(Path(task).expanduser())
    digest = hashlib.sha256(" ".join(sorted(data)).encode())
    for file in files:
        if file.is_file():
            digest.update(f"{file.name} {hash_file(file)}\n".encode())
    return digest.hexdigest()[:16]


def task_files(path: Path) -> list[Path]:
    """The yaml file, those that it includes, the modules of its functions, and the local files of its data."""
    found: dict[Path, None] = {}
    for file in _read_of(path, set()):
        found[file] = None
    return list(found)


def _read_of(path: Path, seen: set[Path]) -> Iterator[Path]:
    if path in seen or not path.is_file():
        return
    seen.add(path)
    yield path
    try:
        fields = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError):
        return  # the harness will say so
    if not isinstance(fields, dict):
        return
    for name in _as_list(fields.get("include")):
        yield from _read_of(path.parent / str(name), seen)
    yield from sorted(path.parent.glob("*.py")) if "!function" in path.read_text(encoding="utf-8") else ()
    options = fields.get("dataset_kwargs")
    named = options.get("data_files") if isinstance(options, dict) else None
    for value in named.values() if isinstance(named, dict) else [named]:
        for name in _as_list(value):
            yield Path(str(name)).expanduser()


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
