"""Where the model lies that somebody names."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import UserError
from pipeline.formats.checkpoints import FOLDER, Checkpoint, list_checkpoints
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER
from pipeline.formats.near_paths import path_hint
from pipeline.formats.run_folder import (
    at_work,
    command_for,
    is_run,
    listed,
    nearest_run,
    refuse_gone,
    started_runs,
    unfinished_artifacts,
)
from pipeline.store.artifacts import SPEC_FILE

STAGES = ("finetune", "pretrain")
"""Stages that make a model, the one that is preferred first."""


@dataclass(frozen=True)
class Location:
    """A model's place."""

    name: str
    """What to call it."""
    folder: Path
    is_artifact: bool
    """Whether the folder is an artifact, finished or not; else it is one that `transformers` reads."""
    checkpoint: Checkpoint | None = None
    """The training checkpoint that is meant, where it is one."""


def find_model(name: str | None, step: int | None = None, runs: Path = Path("runs")) -> Location:
    """The place of a model.

    Args:
        name: a run's name; with `/pretrain` behind it, the model before fine-tuning; or the folder of a run, of an
            artifact, of a checkpoint, or of a model as `transformers` saves it. None takes the newest run that has one.
        step: of the training checkpoint to take; None takes the finished model, and of a training that has not ended
            the newest checkpoint.
        runs: the folder of runs.

    Raises:
        UserError: where there is no such model or checkpoint; the message names those that are near.
    """
    if name is None:
        for run in started_runs(runs):
            with suppress(UserError):  # of one whose artifact is gone
                if found := _in_folder(run):
                    return replace(_at_step(found, step), name=run.name)
        raise UserError(
            f"no run below {runs.resolve()} has a model yet; train one (make demo), or name a folder"
        )
    given = Path(name).expanduser()
    for place in (given, runs / name):
        found = _in_folder(place) or _of_unfinished_stage(place)
        if found is not None:
            return replace(_at_step(found, step), name=name)
        _refuse_run_without_model(place)
    what = f"the folder {name} holds no model" if given.is_dir() else f"there is no model {name!r}"
    raise UserError(
        f"{what}: name a run, the folder of an artifact or a checkpoint, or a Hugging Face folder; "
        f"{_near(name, given, runs) or runs_with_a_model(runs)}"
    )


def _near(name: str, given: Path, runs: Path) -> str:
    """What may be meant by the name of no model; nothing where its path exists."""
    if given.exists():
        return ""
    if len(given.parts) > 1 and given.parent.exists():
        return path_hint(name)
    return nearest_run(name, runs) or path_hint(name)


def runs_with_a_model(runs: Path) -> str:
    """In words."""
    known = [run.name for run in started_runs(runs) if _holds_model(run)]
    return listed("runs here", known, f"none in {runs.resolve()}")


def _holds_model(run: Path) -> bool:
    with suppress(UserError):  # of one whose artifact is gone
        return _in_folder(run) is not None
    return False


def _in_folder(folder: Path) -> Location | None:
    """The model that a folder holds by itself, or whose checkpoint it is, or that its links lead to."""
    if (folder / "config.json").is_file():
        return Location(str(folder), folder, is_artifact=False)
    if (folder / MODEL_FOLDER / "config.json").is_file():  # an export
        return Location(str(folder), folder / MODEL_FOLDER, is_artifact=False)
    if folder.name == MODEL_FOLDER and (folder / DESCRIPTION).is_file():
        folder = folder.parent
    if (folder / MODEL_FOLDER / DESCRIPTION).is_file() or list_checkpoints(folder):
        return Location(str(folder), folder.resolve(), is_artifact=True)
    if folder.parent.name == FOLDER:
        artifact = folder.resolve().parents[1]
        for checkpoint in list_checkpoints(artifact):
            if checkpoint.folder.name == folder.name:
                return Location(str(folder), artifact, is_artifact=True, checkpoint=checkpoint)
    if is_run(folder):
        for stage in STAGES:
            if found := _in_folder(folder / stage) or _of_unfinished_stage(folder / stage):
                return found
            refuse_gone(folder, stage)
    return None


def _refuse_run_without_model(place: Path) -> None:
    """Raises: UserError: where this is a run, or the place of a run's model, that has none: with what makes it."""
    run, stage = (place, None) if is_run(place) else (place.parent, place.name)
    if not is_run(run) or stage not in (None, *STAGES):
        return
    for each in [stage] if stage else STAGES:
        refuse_gone(run, each)
    what = f"the run {run.name} has no {stage}" if stage else f"the run {run.name} has no model"
    if busy := at_work(run):
        raise UserError(f"{what} yet: it is {busy}; wait for it, or see its log if it has ended")
    raise UserError(f"{what} yet; make it: {command_for(run, stage or STAGES[-1])}")


def _of_unfinished_stage(place: Path) -> Location | None:
    """The newest training of a run's stage that is under way, or was left."""
    run, stage = place.parent, place.name
    if stage not in STAGES or place.exists() or not is_run(run):
        return None
    left = [folder for folder in unfinished_artifacts(run, stage) if list_checkpoints(folder)]
    newest = max(left, key=lambda folder: (folder / SPEC_FILE).stat().st_mtime, default=None)
    return None if newest is None else Location(str(place), newest.resolve(), is_artifact=True)


def _at_step(found: Location, step: int | None) -> Location:
    if found.checkpoint is not None and step in (None, found.checkpoint.step):
        return found
    if not found.is_artifact:
        if step is None:
            return found
        raise UserError(
            f"{found.name} is a folder of one model, without training checkpoints; leave step out"
        )
    checkpoints = list_checkpoints(found.folder)
    if step is None:
        finished = (found.folder / MODEL_FOLDER / DESCRIPTION).is_file()
        return found if finished else replace(found, checkpoint=checkpoints[-1])
    for checkpoint in checkpoints:
        if checkpoint.step == step:
            return replace(found, checkpoint=checkpoint)
    nearest = min((checkpoint.step for checkpoint in checkpoints), key=lambda s: abs(s - step), default=None)
    steps = listed("steps", [str(checkpoint.step) for checkpoint in checkpoints], "no checkpoints")
    advice = f"; the nearest is step={nearest}" if nearest is not None else ""
    raise UserError(f"{found.folder} has no checkpoint of step {step}{advice} ({steps})")
