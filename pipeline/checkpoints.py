"""The training checkpoints that there are: `python -m pipeline.checkpoints [RUN] [key=value …]`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.config.base import Section
from pipeline.config.command_words import read_settings, usage
from pipeline.errors import UserError, exit_on_user_error
from pipeline.formats.checkpoints import FOLDER, list_checkpoints
from pipeline.formats.run_folder import is_run, other_runs, unfinished_artifacts
from pipeline.store.artifacts import PARTIAL
from pipeline.text.sizes import size_in_words


class CheckpointsSettings(Section):
    """`checkpoints [RUN] [key=value …]`: the training checkpoints of a run, or of all in the store."""

    runs: str = "runs"
    """The folder of runs."""
    artifacts: str = "artifacts"
    """The store."""


def main(words: Sequence[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print(usage(CheckpointsSettings))
        return
    with exit_on_user_error():
        names = [word for word in words if "=" not in word]
        settings = read_settings(CheckpointsSettings, [word for word in words if "=" in word])
        if len(names) > 1:
            raise UserError(
                f"checkpoints are listed of one run, and {len(names)} are given: {', '.join(names)}"
            )
        place = _place(names[0] if names else None, settings)
        runs = [run for run in (place, *sorted(place.glob("*"))) if is_run(run)]
        left = [artifact for run in runs for artifact in unfinished_artifacts(run)]
        print_checkpoints(place, left)


def _place(name: str | None, settings: CheckpointsSettings) -> Path:
    """The folder of the run, or of the store; of runs that are told without a store, the runs' own.

    Raises:
        UserError: where there is no such run.
    """
    runs = Path(settings.runs)
    if name is None:
        only_runs = settings.model_fields_set == {"runs"}
        return runs if only_runs else Path(settings.artifacts)
    if place := next((place for place in (runs / name, Path(name).expanduser()) if place.is_dir()), None):
        return place
    raise UserError(
        f"there is no run {name!r} in {runs.resolve()}, and no folder of that name; {other_runs(name, runs)}"
    )


def print_checkpoints(place: Path, left: Sequence[Path] = ()) -> None:
    """Print the checkpoints of every training artifact in a store, or of a run's.

    Args:
        left: further artifacts, as those of a run that are not finished, to which it has no links.
    """
    from rich.console import Console
    from rich.table import Table

    artifacts = sorted({path.parent for depth in ("*/*", "*") for path in place.glob(f"{depth}/{FOLDER}")})
    found = {artifact: list_checkpoints(artifact) for artifact in (*artifacts, *left)}
    if not any(found.values()):
        print(f"no checkpoints below {place}")
        return
    console = Console()
    for artifact, checkpoints in found.items():
        state = "in training or stopped" if artifact.suffix == PARTIAL else "finished"
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("step", "tokens", "train loss", "validation", "size", "written by", "complete"):
            table.add_column(column, justify="right" if column != "written by" else "left")
        shown: float | None = None
        for checkpoint in checkpoints:
            table.add_row(
                f"{checkpoint.step:,}",
                f"{checkpoint.tokens:,}",
                _loss(checkpoint.train_loss if checkpoint.train_loss != shown else None),
                _loss(checkpoint.validation_loss),
                size_in_words(checkpoint.bytes),
                f"{checkpoint.ranks} × {checkpoint.strategy}",
                checkpoint.damage() or "yes",
            )
            shown = checkpoint.train_loss
        console.print(f"\n[bold]{artifact}[/bold] ({state})", highlight=False, soft_wrap=True)
        console.print(table)
    console.print(
        "\ntrain loss: the last one logged until then (trainer.log_every); left out where none came since the "
        "checkpoint before",
        soft_wrap=True,
    )


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    main(sys.argv[1:])
