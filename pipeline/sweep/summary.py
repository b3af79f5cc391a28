"""What a sweep leaves: the table on the terminal, table.csv and table.json, its page, and all of it in W&B."""

import csv
import logging
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.store.artifacts import read_json, write_json
from pipeline.sweep.jobs import Job, as_number
from pipeline.sweep.planning import SweepPlan
from pipeline.text.counts import counted
from pipeline.tracking import open_tracker
from pipeline.tracking.tracker import TABLES_FOLDER, TrackedStage

CSV_FILE, JSON_FILE, PAGE_FILE = "table.csv", "table.json", "report.html"
TABLE = "jobs"
SHOWN = 3
"""Runs that a message lists at most."""


def sum_up(plan: SweepPlan, jobs: Sequence[Job]) -> None:
    """Write the sweep's files, best job first, and print the table. Jobs that failed are listed with the reason."""
    if not jobs:
        return
    ordered = in_order(jobs, plan.settings.direction)
    columns, rows = table_rows(ordered, plan.settings.objective, plan.settings.fit)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with (plan.folder / CSV_FILE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    write_json(plan.folder / JSON_FILE, [dict(zip(columns, row, strict=True)) for row in rows])
    _print_table(ordered, plan.settings.objective)
    # matplotlib takes a second to load.
    from pipeline.sweep.comparison.page import write_comparison
    from pipeline.sweep.report import draw, fit_all, render

    fits = fit_all(ordered, plan.settings.fit)
    if plan.settings.compare is not None:
        figures = write_comparison(plan, plan.settings.compare, jobs, plan.folder / PAGE_FILE)
    else:
        figures = draw(ordered, plan.settings.objective, fits, plan.store)
        page = render(plan, ordered, fits, figures)
        (plan.folder / PAGE_FILE).write_text(page, encoding="utf-8")
    for fit in fits:
        print(f"\n{fit.formula}\n  {fit.method}")
    print(f"\nReport: {plan.folder / PAGE_FILE}", flush=True)
    if plan.tracking.choice != "none" and any(job.state == "finished" and not job.reused for job in jobs):
        _track(plan, ordered, columns, rows, figures)


def describe_replaced(plan: SweepPlan, jobs: Sequence[Job]) -> str:
    """Which jobs an earlier start has left in the files that `sum_up` writes and this one has not; empty where none."""
    path = plan.folder / JSON_FILE
    rows = read_json(path, plan.folder, kind=list) if path.is_file() else []
    planned = {job.fingerprint for job in jobs}
    gone = [row["run"] for row in rows if row["state"] == "finished" and row["fingerprint"] not in planned]
    if not gone:
        return ""
    named = ", ".join([*gone[:SHOWN], *(["…"] if gone[SHOWN:] else [])])
    return (
        f"an earlier sweep of this name has {counted(len(gone), 'job')} that this one has not ({named}): its page and "
        f"tables in {plan.folder} are replaced when this one ends; to keep both, give this one a name of its own "
        "(sweep.name=…)"
    )


def in_order(jobs: Sequence[Job], direction: str) -> list[Job]:
    """The best first, then those without an objective."""
    sign = -1 if direction == "maximize" else 1
    return sorted(jobs, key=lambda job: (job.objective is None, sign * (job.objective or 0.0)))


def table_rows(jobs: Sequence[Job], objective: str, fit: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table: numbers as numbers."""
    keys = list(dict.fromkeys(key for job in jobs for key in job.swept))
    columns = [*keys, objective, *fit, "state", "seconds", "run", "fingerprint"]

    def value(text: str | None) -> Any:
        number = as_number(text)
        return text if number is None else int(number) if text and text.isdecimal() else number

    rows = [
        [
            *(value(job.swept.get(key)) for key in keys),
            job.objective,
            *(job.metrics.get(name) for name in fit),
            job.state,
            job.seconds,
            job.run,
            job.fingerprint,
        ]
        for job in jobs
    ]
    return columns, rows


def _print_table(jobs: Sequence[Job], objective: str) -> None:
    keys = list(dict.fromkeys(key for job in jobs for key in job.swept))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in keys:
        table.add_column(key, justify="right", overflow="fold")
    table.add_column(objective, justify="right", overflow="fold")
    table.add_column("state")
    table.add_column("time", justify="right")
    table.add_column("run", overflow="fold")
    for job in jobs:
        table.add_row(
            *(job.swept.get(key, "") for key in keys),
            f"{job.objective:.4f}" if job.objective is not None else "–",
            job.state,
            "reused" if job.reused else f"{job.seconds:.0f} s" if job.seconds is not None else "",
            job.run,
        )
    console = Console(width=None if Console().is_terminal else 160)
    console.print()
    console.print(table)
    for job in jobs:
        if job.state in ("failed", "refused"):
            where = f" ({job.log})" if job.log else ""
            console.print(Text(f"\n{job.title} {job.state}{where}:", style="bold"), soft_wrap=True)
            console.print(Text(job.error or ""), highlight=False, soft_wrap=True)


def _track(
    plan: SweepPlan, jobs: Sequence[Job], columns: Sequence[str], rows: Sequence[Sequence[Any]], figures: Any
) -> None:
    """A W&B run of the sweep's own in the group of its jobs: the table, the plots, the best objective."""
    from pipeline.sweep.plots import png

    logging.getLogger("sweep").addHandler(logging.StreamHandler())
    settings = plan.settings
    shown = {"sweep": settings.model_dump(mode="json"), "jobs": len(jobs)}
    tracked = TrackedStage("sweep", plan.run.name, shown, {})
    tracking = plan.tracking.model_copy(update={"group": plan.tracking.group or plan.run.name})
    tracker = open_tracker(tracking, plan.run, tracked, plan.folder, rank=0)
    (plan.folder / TABLES_FOLDER / f"{TABLE}.jsonl").unlink(missing_ok=True)  # of an earlier start
    tracker.table(TABLE, columns, rows)
    for title, figure in figures.items():
        tracker.image(title, png(figure))
    states = [job.state for job in jobs]
    summary = {f"jobs/{state}": states.count(state) for state in sorted(set(states))}
    tracker.finish({f"best/{settings.objective}": jobs[0].objective, **summary}, plan.folder)
