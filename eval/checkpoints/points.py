"""How checkpoints scored on the validation split, as evaluate writes it and the report reads it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from eval.results import Result, read_result
from pipeline.errors import UserError
from pipeline.store.artifacts import damaged, read_json, write_json

FILE = "checkpoints.json"


@dataclass(frozen=True)
class Point:
    """What one model came to."""

    kind: Literal["checkpoint", "average"]
    steps: list[int]
    """Of the checkpoint, or of those that are averaged; the first one first."""
    results: list[Result]
    """The first one decides which average is the best."""

    @property
    def label(self) -> str:
        if self.kind == "checkpoint":
            return f"step {self.steps[0]:,}"
        return f"average of the last {len(self.steps)}, from step {self.steps[0]:,} on"


def write_points(folder: Path, points: Sequence[Point]) -> None:
    """Write checkpoints.json: a list with `kind`, `steps` and `results`."""
    write_json(folder / FILE, [asdict(point) for point in points])


def read_points(evaluate: Path) -> list[Point]:
    """The points in an artifact of evaluate; none where it has no such file.

    Raises:
        UserError: where the file is damaged.
    """
    path = evaluate / FILE
    if not path.is_file():
        return []
    try:
        return [
            Point(row["kind"], row["steps"], [read_result(result, path) for result in row["results"]])
            for row in read_json(path, evaluate, kind=list)
        ]
    except (KeyError, TypeError) as error:
        raise UserError(damaged(path, f"a row is no point ({error})", evaluate)) from None
