"""A run's folder: what the run was asked to do, and links to its artifacts."""

from pathlib import Path

import yaml

from pipeline.errors import UserError
from pipeline.store.artifacts import PARTIAL
from pipeline.store.signs_of_life import last_sign
from pipeline.text.full_width import full_width_path_hint
from pipeline.text.nearest import did_you_mean
from pipeline.typed_command import settings_in, to_type

RUN_FILE = "config.yaml"
"""What a run's folder holds besides the links."""


SHOWN = 12
"""Runs or steps that a message lists at most."""


def is_run(folder: Path) -> bool:
    return (folder / RUN_FILE).is_file()


def started_runs(runs: Path) -> list[Path]:
    """Folders of runs, the newest first."""
    files = sorted(runs.glob(f"*/{RUN_FILE}"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.parent for file in files]


def nearest_run(name: str, runs: Path) -> str:
    """`did you mean …?` of the run that nearly has the name, or which letters of it are full-width; empty where there
    is neither."""
    return full_width_path_hint(name) or did_you_mean(name, [run.name for run in started_runs(runs)])


def other_runs(name: str, runs: Path) -> str:
    """What to tell where no run has the name: what may be meant by it, else all that there are."""
    return nearest_run(name, runs) or listed("runs there", [run.name for run in started_runs(runs)], "none")


def listed(label: str, names: list[str], none: str) -> str:
    """The names behind a label, as many as a message may have; `none` where there are none."""
    if not names:
        return f"{label}: {none}"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{label}: {', '.join(names[:SHOWN])}{more}"


def command_for(run: Path, stage: str) -> str:
    """What to type to bring a stage of the run up to date, as the run itself was started."""
    try:
        kept = str(yaml.safe_load((run / RUN_FILE).read_text(encoding="utf-8"))["run"]["command"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        kept = ""
    words = [word for word in settings_in(kept) if not word.startswith(("stage=", "run.name=", "dryrun="))]
    return to_type([*words, f"run.name={run.name}", f"stage={stage}"])


def unfinished_artifacts(run: Path, stage: str = "*") -> list[Path]:
    """What a run's starts have begun and not finished, of a stage or of all: a run links finished artifacts only.

    An artifact is labelled with the run that began it, which is how it is found.
    """
    try:
        store = Path(yaml.safe_load((run / RUN_FILE).read_text(encoding="utf-8"))["run"]["artifacts"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return []  # no run's file
    begun = sorted(store.glob(f"{stage}/{run.name}-*{PARTIAL}"))
    return [folder for folder in begun if "-" not in folder.name.removeprefix(f"{run.name}-")]


def at_work(run: Path) -> str:
    """Which of a run's stages is made now, and what it is at: `at pretrain now (step 12)`; empty where none is."""
    for folder in unfinished_artifacts(run):
        if (sign := last_sign(folder)) and sign.is_fresh:
            return f"at {folder.parent.name} now ({sign.said})"
    return ""


def is_gone(run: Path, stage: str) -> bool:
    """Whether the run had an artifact of the stage that is not there any more."""
    link = run / stage
    return link.is_symlink() and not link.exists()


def refuse_gone(run: Path, stage: str) -> None:
    """Raises: UserError: where the stage's artifact was deleted, with what makes it again."""
    if is_gone(run, stage):
        lost = (run / stage).readlink().name
        raise UserError(
            f"the run {run.name} has lost what {stage} made, {lost}: its folder is gone. Make it again: "
            f"{command_for(run, stage)}"
        )
