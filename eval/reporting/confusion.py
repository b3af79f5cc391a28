"""The confusion matrix of a classifier as a picture: which labels the texts of each label were given."""

from dataclasses import dataclass
from pathlib import Path

from eval.results import CONFUSION
from pipeline.store.artifacts import read_json


@dataclass(frozen=True)
class Cell:
    """Texts of one label that were given one label."""

    count: int
    share: float
    """Of the texts of their label, in percent."""
    right: bool


@dataclass(frozen=True)
class Confusion:
    """The matrix, a row for each label that was expected."""

    labels: list[str]
    rows: list[list[Cell]]


def read_confusion(evaluate: Path | None) -> Confusion | None:
    """Of an artifact of evaluate; None where it has none.

    Raises:
        UserError: where the file is damaged.
    """
    if evaluate is None or not (evaluate / CONFUSION).is_file():
        return None
    found = read_json(evaluate / CONFUSION, evaluate, ("labels", "counts"))
    rows = [
        [Cell(count, 100 * count / max(sum(counts), 1), place == row) for place, count in enumerate(counts)]
        for row, counts in enumerate(found["counts"])
    ]
    return Confusion(found["labels"], rows)
