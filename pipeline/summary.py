"""What the planner prints at the end: a row for each stage, and what to open next."""

import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.config.root import RootConfig
from pipeline.planner import Outcome
from pipeline.stages import describe
from pipeline.store.manifest import words


def print_outcomes(root: RootConfig, outcomes: list[Outcome]) -> None:
    """One row per stage, then what a person opens next."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "time", "result", "folder"):
        table.add_column(column, justify="right" if column == "time" else "left", overflow="fold")
    folders = {}
    for outcome in outcomes:
        manifest = outcome.artifact.manifest
        folders[outcome.stage.name] = Path(os.path.relpath(outcome.artifact.folder))
        time = "reused" if outcome.reused else f"{manifest['seconds']:.0f} s"
        table.add_row(
            outcome.stage.name,
            time,
            describe(outcome.stage, manifest["metrics"]),
            str(folders[outcome.stage.name]),
        )
    console = Console(width=None if os.isatty(1) else 160)
    console.print()
    console.print(table)
    evaluated = next((o.artifact.metrics for o in outcomes if o.stage.name == "evaluate"), {})
    if sample := words(evaluated, "sample"):
        console.print("\n[bold]Sample[/bold]")
        console.print(sample, markup=False, highlight=False)
    run_folder = root.run.folder
    console.print()
    for stage, name, label in (
        ("report", "report/report.html", "Report"),
        ("export", "export/model", "Exported model"),
    ):
        if stage in folders:
            console.print(f"[bold]{label}:[/bold] {run_folder / name}", highlight=False)
    if any(_kept_offline(outcome) for outcome in outcomes):
        console.print(
            f"[bold]W&B:[/bold] kept offline in {run_folder / 'wandb'}; `make wandb-sync` sends it",
            highlight=False,
        )


def _kept_offline(outcome: Outcome) -> bool:
    """Whether this run of the planner left a W&B run on disk."""
    if outcome.reused:
        return False
    tracking = outcome.artifact.manifest["tracking"]
    return tracking["backend"] == "wandb" and tracking.get("url") is None
