"""Small JSON files that say what of an unfinished stage is done. One is believed only where it is what was written, and
where the files that it speaks of are there in the size that they had: else that part of the work is done again."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.store.artifacts import write_json


class NotDone(UserError):
    """A marker is missing or damaged, or what it speaks of is gone."""


def write_marker(path: Path, value: Any, made: Iterable[Path] = ()) -> None:
    """Keep a value, as JSON, with the sizes of the files whose completeness it stands for.

    Args:
        made: files; those that are not there do not count.
    """
    sizes = {os.path.relpath(file, path.parent): file.stat().st_size for file in made if file.is_file()}
    content = {"value": value, "made": sizes}
    write_json(path, {"sha256": _digest(content), **content})


def read_marker(path: Path) -> Any:
    """What `write_marker` kept.

    Raises:
        NotDone: where it must not be believed.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        content = {"value": written["value"], "made": written["made"]}
        if written["sha256"] != _digest(content):
            raise NotDone(_again(f"{path} is not what was written"))
        for name, size in content["made"].items():
            if (path.parent / name).stat().st_size != size:
                raise NotDone(_again(f"{path.parent / name} has another size than {path} says"))
    except FileNotFoundError as error:
        raise NotDone(_again(f"{error.filename} is missing")) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotDone(_again(f"{path} is damaged")) from None
    return content["value"]


def is_done(path: Path) -> bool:
    """Whether there is a marker that may be believed."""
    try:
        read_marker(path)
    except NotDone:
        return False
    return True


def _again(reason: str) -> str:
    return f"{reason}; start again: what it belongs to is made anew"


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
