"""A run's folder: what the run was asked to do, and links to its artifacts."""

from pathlib import Path

import yaml

from pipeline.errors import UserError

RUN_FILE = "config.yaml"
"""What a run's folder holds besides the links."""


def is_run(folder: Path) -> bool:
    return (folder / RUN_FILE).is_file()


def command_for(run: Path, stage: str) -> str:
    """What to type to bring a stage of the run up to date, as the run itself was started."""
    try:
        command = str(yaml.safe_load((run / RUN_FILE).read_text(encoding="utf-8"))["run"]["command"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        command = "python -m pipeline"
    words = [word for word in command.split(" ") if not word.startswith(("stage=", "run.name=", "dryrun="))]
    return " ".join([*words, f"run.name={run.name}", f"stage={stage}"])


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
