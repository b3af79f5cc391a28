"""The figures of any number of runs, a column each."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from eval.comparison.figures import Row
from eval.comparison.unknown_tokens import looks_better_than_it_is
from eval.reporting.pages import number
from eval.result_names import model_name
from eval.results import Result
from pipeline.formats.direction import badness

Key = tuple[str, str, str | None]
"""A figure's title, its model and its file."""


def side_by_side(first: str, others: Mapping[str, Sequence[Row]]) -> Table:
    """A row for each figure. The best of those that can be compared with the first run's stands out; a star marks those
    that cannot.

    Args:
        first: the run that the others were compared with.
        others: what came of that, by name.
    """
    found: dict[Key, dict[str, Row]] = {}
    for name, rows in others.items():
        for row in rows:
            found.setdefault((row.known.title, row.known.model, row.known.file), {})[name] = row
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    table.add_column("model")
    for name in (first, *others):
        table.add_column(name, justify="right")
    for (title, model, file), rows in found.items():
        own = next((row.first for row in rows.values() if row.first), None)
        values = {first: own, **{name: row.second for name, row in rows.items()}}
        others_own = {name for name, row in rows.items() if not row.comparable}
        best = _best([result for name, result in values.items() if result and name not in others_own])
        cells = [_cell(values.get(name), name in others_own, best) for name in (first, *others)]
        table.add_row(f"{title}, {file}" if file else title, model_name(model), *cells)
    if any(not row.comparable for rows in found.values() for row in rows.values()):
        table.caption = "* not to be compared with the first run's: see below"
    return table


def _best(results: Sequence[Result]) -> float | None:
    """None where there is nothing that it could be better than, or where its lead may come of its unknown tokens."""
    if len({result.value for result in results}) < 2:
        return None
    best = min(results, key=lambda result: badness(result.better, result.value))
    if any(looks_better_than_it_is(best, result) for result in results):
        return None
    return best.value


def _cell(result: Result | None, apart: bool, best: float | None) -> str:
    if result is None:
        return "–"
    text = f"{number(result.value)}*" if apart else number(result.value)
    return f"[bold green]{text}[/bold green]" if result.value == best and not apart else text
