"""All results with the models as columns: one row for each figure of each text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eval.results import Result, tells_memorization
from pipeline.formats.direction import ARROWS, Better, badness


@dataclass(frozen=True)
class ResultRow:
    """One figure of several models."""

    title: str
    file: str | None
    """Of the text, where it is none of the corpus or the task."""
    better: Better
    cells: list[Result | None]
    """By model, in the table's order; None where a model has no such figure."""
    best: Result | None
    """The best of several."""
    signatures: list[str]
    """Of the cells: one where all are comparable."""

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return ARROWS[self.better]


@dataclass(frozen=True)
class ResultTable:
    """Figures that belong together."""

    title: str
    models: list[str]
    rows: list[ResultRow]


def result_tables(results: Sequence[Result]) -> list[ResultTable]:
    """Tables of held-out text, of memorized text, of benchmarks and of the task's test examples; one that would be
    empty is left out."""
    benchmarks = [result for result in results if result.benchmark]
    results = [result for result in results if not result.benchmark]
    groups = {
        "Held-out text": [result for result in results if result.of_text],
        "Memorized text": [result for result in results if tells_memorization(result.name)],
        "Benchmarks": benchmarks,
        "Test examples": [
            result for result in results if not result.of_text and not tells_memorization(result.name)
        ],
    }
    return [_table(title, group) for title, group in groups.items() if group]


def _table(title: str, results: Sequence[Result]) -> ResultTable:
    models = list(dict.fromkeys(result.model for result in results))
    keys = list(dict.fromkeys((result.file, result.name) for result in results))
    return ResultTable(
        title, models, [_row(models, [r for r in results if (r.file, r.name) == k]) for k in keys]
    )


def _row(models: Iterable[str], results: Sequence[Result]) -> ResultRow:
    first = results[0]
    by_model = {result.model: result for result in results}
    best = min(results, key=lambda result: badness(first.better, result.value)) if len(results) > 1 else None
    signatures = list(dict.fromkeys(result.signature for result in results))
    cells = [by_model.get(model) for model in models]
    return ResultRow(first.title or first.name, first.file, first.better, cells, best, signatures)
