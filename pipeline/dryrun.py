"""`dryrun=true`: what a run would do and need, printed; nothing is built, started or written."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.forecast import Forecast, forecast_of
from pipeline.known import Known
from pipeline.plan import PlannedStage, find_artifacts, fingerprints, plan_stages
from pipeline.planner import shown_settings, unheeded
from pipeline.preflight import Finding, Preflight, refuse
from pipeline.run_changes import changes, last_settings
from pipeline.stages import describe
from pipeline.store.artifacts import Artifact, Store
from pipeline.text.sizes import size_in_words, sizes_in_words

SHOWN = 60
"""Characters of a failure that the table of the checks has room for."""


def dry_run(root: RootConfig) -> None:
    """Print the plan, and the forecast of the training stage in it.

    Raises:
        UserError: as for the run itself; where it cannot fit into the devices' memory, or a stage is bound to fail,
            after printing.
    """
    store = Store(Path(root.run.artifacts))
    plan = plan_stages(root, store)
    found = find_artifacts(root, plan, store)
    console = Console(width=None if os.isatty(1) or "COLUMNS" in os.environ else 100)
    console.print(_stages(plan, found, store))
    refusals = []
    known = Known(store, fingerprints(plan))
    for planned in plan:
        if planned.stage.forecast and found[planned.stage.name] is None:
            forecast = forecast_of(planned, root, found, known)
            if forecast is None:
                console.print(f"\n{planned.stage.name}: not predicted before {_awaited(root)} is there")
                continue
            console.print()
            console.print(_facts(planned.stage.name, forecast, root))
            console.print()
            console.print(_memory(forecast))
            if forecast.refusal:
                refusals.append(forecast.refusal)
        elif planned.stage.trainer and not planned.stage.forecast and found[planned.stage.name] is None:
            console.print(f"\n{planned.stage.name}: memory is not predicted for this stage")
    findings = Preflight(root, fingerprints(plan), store).findings()
    changed = changes(root, plan, last_settings(root.run.folder), shown_settings(root))
    for words in (*changed, *unheeded(root, found)):
        console.print(f"\n{words}", markup=False, highlight=False)
    if findings:
        console.print()
        console.print(_checks(findings))
    if refusals:
        raise UserError("\n".join(refusals))
    refuse(findings)


def _awaited(root: RootConfig) -> str:
    return "the base model" if root.finetune.replaces_pretraining else "the tokenizer"


def _stages(plan: Sequence[PlannedStage], found: dict[str, Artifact | None], store: Store) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "", "fingerprint", "result"):
        table.add_column(column, overflow="fold")
    for planned in plan:
        artifact = found[planned.stage.name]
        if artifact:
            does, result = "reuse", describe(planned.stage, artifact.metrics)
        else:
            left = list((store.root / planned.stage.name).glob(f"*-{planned.fingerprint}.partial"))
            does, result = ("[bold]continue[/bold]" if left else "[bold]build[/bold]"), ""
        table.add_row(planned.stage.name, does, planned.fingerprint, result)
    return table


def _checks(findings: Sequence[Finding]) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="bold", title="checks before the start", title_justify="left",
        min_width=40,
    )  # fmt: skip
    for column in ("stage", "what", "", "found"):
        table.add_column(column, overflow="fold")
    signs = {
        "fine": "fine",
        "warning": "[bold yellow]look[/bold yellow]",
        "later": "later",
        "problem": "[bold red]fails[/bold red]",
    }
    for finding in findings:
        if finding.words:
            words = _begun(finding.words) if finding.state == "problem" else finding.words
            table.add_row(finding.stage, finding.check, signs[finding.state], escape(words))
    return table


def _begun(words: str) -> str:
    """The beginning of what fails: the error at the end tells it all."""
    line = " ".join(words.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}… (in full below)"


def _facts(stage: str, forecast: Forecast, root: RootConfig) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, title=stage, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in forecast.facts.items():
        table.add_row(name, words)
    folder = Path(root.run.artifacts).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    words = f"{size_in_words(forecast.disk)} for checkpoints and model, {size_in_words(free)} free"
    table.add_row("disk", words if forecast.disk <= free else f"[bold red]{words}: too little[/bold red]")
    return table


def _memory(forecast: Forecast) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="bold", title="memory per device, predicted peak",
        title_justify="left",
    )  # fmt: skip
    if forecast.unpredicted:
        table.add_row(f"not predicted: {forecast.unpredicted}")
        return table
    table.add_column("component", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    parts = {name: size for name, size in forecast.memory.items() if size}
    total = sum(parts.values())
    *sizes, whole = sizes_in_words([*parts.values(), total])
    for (name, size), words in zip(parts.items(), sizes, strict=True):
        table.add_row(name, words, "█" * round(30 * size / total))
    style = "bold red" if forecast.refusal else "bold"
    table.add_row("in all", whole, f"of {forecast.limit}", style=style)
    if forecast.host:
        table.add_row("on the host", size_in_words(forecast.host), "per rank, offloaded")
    return table
