"""Runs beside each other: `python -m eval.compare RUN RUN … [key=value …]`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt
from rich.console import Console
from rich.table import Table

from eval.comparison.evaluated_run import EvaluatedRun, find_run, run_names
from eval.comparison.figures import Row, compare_figures, describe_tests
from eval.comparison.page import comparison_page
from eval.comparison.setting_changes import setting_changes
from eval.comparison.side_by_side import side_by_side
from eval.comparison.significance import Draws
from eval.reporting.pages import difference, number
from eval.result_names import model_name
from eval.results import Result
from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.config.differences import as_typed
from pipeline.errors import UserError, exit_on_user_error
from pipeline.text.counts import counted

SHOWN = 8
"""Settings that are listed here at most; the page has all."""


class CompareSettings(Section):
    """`compare RUN RUN … [key=value …]`: their metrics with significance, losses and texts, here and as a page. Of more
    than two runs all figures stand side by side, and each further run is compared with the first on its own page."""

    runs: str = "runs"
    """The folder of runs."""
    page: str | None = None
    """The page's file, of two runs; by default comparisons/FIRST-and-SECOND.html."""
    resamples: PositiveInt = 1000
    """Behind each test."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Of the intervals of differences."""
    seed: NonNegativeInt = 1
    """Of the resamples, and of the texts that are shown."""
    samples: PositiveInt = 8
    """Texts shown of each kind."""


def main(words: Sequence[str]) -> None:
    """Print the table and write the page."""
    if words and words[0] in ("-h", "--help"):
        print(usage(CompareSettings))
        return
    with exit_on_user_error():
        names = run_names(words)
        settings = read_settings(CompareSettings, [word for word in words if "=" in word])
        if len(names) < 2:
            raise UserError(
                f"runs are compared with each other, and {counted(len(names), 'is', 'are')} given"
                f'{": " + ", ".join(names) if names else ""}; name two or more: make compare RUNS="first second"'
            )
        if len(names) > 2 and settings.page:
            raise UserError(
                f"page={settings.page} is for two runs; of more each pair has its own page, so leave it out"
            )
        first, *others = (find_run(name, Path(settings.runs)) for name in names)
        for page in compare(first, others, settings, Console()):
            print(f"page: {page}")


def compare(
    first: EvaluatedRun, others: Sequence[EvaluatedRun], settings: CompareSettings, console: Console
) -> list[Path]:
    """Print the tables to the console. Returns the pages' files."""
    draws = Draws(settings.resamples, settings.confidence, settings.seed)
    compared = {other.name: compare_figures(first, other, draws) for other in others}
    if len(others) > 1:
        console.print(side_by_side(first.name, {name: rows for name, (rows, _) in compared.items()}))
        console.print()
    pages = []
    for other in others:
        rows, common = compared[other.name]
        if not rows:
            raise UserError(f"{first.name} and {other.name} have no figures: neither was measured")
        console.print(_table(first, other, rows))
        if tests := describe_tests(rows):
            console.print(tests, style="dim", markup=False, highlight=False)
        for note in _notes(rows):
            console.print(note, style="yellow", markup=False, highlight=False)
        if common.words:
            console.print(common.words, style="yellow")
        for line in _settings(first, other):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        page = Path(settings.page or f"comparisons/{first.name}-and-{other.name}.html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            comparison_page(first, other, rows, common, draws, settings.samples), encoding="utf-8"
        )
        pages.append(page)
    return pages


def _table(first: EvaluatedRun, second: EvaluatedRun, rows: Sequence[Row]) -> Table:
    """A row for each figure, which fits into 80 columns where the runs' names are short; what is to be said of some of
    them stands below it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("metric", overflow="fold")
    table.add_column("model", overflow="fold")
    for column in (first.name, second.name, "diff.", "p boot.", "p rand."):
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        known, found = row.known, row.significance
        place = f", {known.file}" if known.file else ""
        tested = (
            (difference(found.difference), f"{found.bootstrap_p:.3f}", f"{found.randomization_p:.3f}")
            if found
            else (_difference(row), "", "")
        )
        cells = (_cell(row.first, row.better == "first"), _cell(row.second, row.better == "second"))
        table.add_row(f"{known.title}{place}", model_name(known.model), *cells, *tested)
    return table


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    """What is to be said of rows, each once, with the rows that it is said of."""
    said: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            words = row.note if row.comparable else f"not comparable: {row.note}"
            place = f", {row.known.file}" if row.known.file else ""
            said.setdefault(words, []).append(f"{row.known.title}{place} ({model_name(row.known.model)})")
    for words, titles in said.items():
        yield f"{words}: {'; '.join(titles)}"


def _settings(first: EvaluatedRun, second: EvaluatedRun) -> Iterator[str]:
    """What the runs were made with otherwise, a line each, as far as there is room."""
    found = setting_changes(first, second)
    if found is None:
        return
    yield from found.notes
    yield f"{found.heading}, {first.name} → {second.name}:" if found.changes else found.heading
    shown = found.changes[:SHOWN]
    width = max((len(key) for key, *_ in shown), default=0)
    for key, ours, theirs in shown:
        yield f"  {key:{width}}  {as_typed(ours)} → {as_typed(theirs)}"
    if more := len(found.changes) - len(shown):
        yield f"  … and {more} more, on the page"


def _cell(result: Result | None, better: bool) -> str:
    text = number(result.value) if result else "–"
    return f"[bold green]{text}[/bold green]" if better else text


def _difference(row: Row) -> str:
    if row.first is None or row.second is None:
        return ""
    if not row.comparable:
        return "–"
    return difference(row.second.value - row.first.value)


if __name__ == "__main__":
    main(sys.argv[1:])
