"""Which items of benchmarks stand in the training text: what clean finds, and evaluate tells scores apart by."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from pipeline.store.artifacts import read_json, write_json

BENCHMARK_ITEMS = "benchmark_items.json"
"""In the artifact of clean."""


class ComparedItems(TypedDict):
    """The items of a task, by their number from 0."""

    items: int
    """How many were compared with the training text."""
    contaminated: list[int]
    """Those of which that holds enough n-grams, whether it was taken out or not."""
    too_short: list[int]
    """Those without an n-gram, of which nothing can be said."""


def write_compared(folder: Path, compared: Mapping[str, ComparedItems]) -> None:
    """Args: compared: by the name of the task."""
    write_json(folder / BENCHMARK_ITEMS, dict(compared))


def read_compared(folder: Path | None) -> dict[str, ComparedItems]:
    """Of an artifact of clean; nothing where no benchmark was compared with it.

    Raises:
        UserError: where the file is damaged.
    """
    path = folder / BENCHMARK_ITEMS if folder else None
    return read_json(path, path.parent) if path and path.is_file() else {}
