"""What the planner prints at the end: a row for each stage, and what to open next."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.config.root import RootConfig
from pipeline.config.tasks.base import ChatConfig
from pipeline.planner import Outcome
from pipeline.stages import describe
from pipeline.store.manifest import Manifest, words
from pipeline.tracking.wandb import sync_command


def print_outcomes(root: RootConfig, outcomes: list[Outcome]) -> None:
    """One row per stage, then what a person opens next."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "time", "result", "folder"):
        justify = "right" if column == "time" else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column == "folder")
    folders = {}
    for outcome in outcomes:
        manifest = outcome.artifact.manifest
        folders[outcome.stage.name] = root.run.folder / outcome.stage.name
        time = "reused" if outcome.reused else _time(manifest)
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
        of = words(evaluated, "sample_of")
        console.print(f"\n[bold]Sample{f' of {of}' if of else ''}[/bold]", highlight=False)
        console.print(sample, markup=False, highlight=False)
    console.print()
    for label, what in _next(root, folders):
        console.print(f"[bold]{label}:[/bold] {what}", highlight=False, soft_wrap=True)
    if any(_kept_offline(outcome) for outcome in outcomes):
        console.print(
            f"[bold]W&B:[/bold] kept offline in {root.run.folder / 'wandb'}; `{sync_command(root.run)}` sends it",
            highlight=False,
            soft_wrap=True,
        )


def _time(manifest: Manifest) -> str:
    launches = manifest.get("launches", 1)
    return f"{manifest['seconds']:.0f} s" + (f" in {launches} starts" if launches > 1 else "")


def _next(root: RootConfig, folders: Mapping[str, Path]) -> Iterator[tuple[str, object]]:
    """What a person does next, by label."""
    if "report" in folders:
        yield "Report", folders["report"] / "report.html"
    if "export" in folders:
        yield "Exported model", folders["export"] / "model"
    lmw = sys.argv[0] == "lmw"
    # A name alone is looked for below runs/.
    name = root.run.name if root.run.is_in_default_folder else shlex.quote(str(root.run.folder))
    if "export" in folders and root.export.chooses:
        name = f"{name}/export"  # the run's own name means the weights of the last step
    if isinstance(root.finetune, ChatConfig) and "finetune" in folders:
        yield "Talk to it", f"lmw chat model={name}" if lmw else f"make chat MODEL={name}"
    elif not root.finetune.enabled and "pretrain" in folders and root.model.reading == "left_to_right":
        yield (
            "Let it write",
            f'lmw sample "…" model={name}' if lmw else f'make sample MODEL={name} PROMPT="…"',
        )
    if root.corpus.choice == "python_docs" and "pretrain" in folders:
        settings = "corpus=files corpus.paths=[FOLDER]"
        if not root.run.is_in_default_folder:
            settings += f" run.runs={shlex.quote(root.run.runs)}"
        yield (
            "Your own text",
            f"lmw all experiment=own {settings}" if lmw else f'make all EXP=own ARGS="{settings}"',
        )


def _kept_offline(outcome: Outcome) -> bool:
    """Whether this run of the planner left a W&B run on disk."""
    if outcome.reused:
        return False
    tracking = outcome.artifact.manifest["tracking"]
    return tracking["backend"] == "wandb" and tracking.get("url") is None
