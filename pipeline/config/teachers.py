"""`pretrain.distill.teacher` and `finetune.distill.teacher`: finds the weights that are to be learnt from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.named_weights import NamedWeights
from pipeline.formats.hub_models import pinned
from pipeline.formats.training_artifact import ArtifactFolder

SECTIONS = ("pretrain", "finetune")
"""Those that may have a teacher."""


def teacher_setting(section: str) -> str:
    """The key that names the teacher of a section."""
    return f"{section}.distill.teacher"


def with_teachers(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration with the places of the teachers' weights; as it is where it names none.

    Raises:
        UserError: where there are no such weights.
    """
    run = values.get("run")
    if not isinstance(run, Mapping):
        return values
    runs = Path(str(run.get("runs", "runs")))
    found = dict(values)
    for name in SECTIONS:
        settings = values.get(name)
        if isinstance(settings, Mapping) and isinstance(distill := settings.get("distill"), Mapping):
            own = runs / str(run.get("name", ""))
            found[name] = {**settings, "distill": _with_place(distill, teacher_setting(name), runs, own)}
    return found


def _with_place(settings: Mapping[str, Any], setting: str, runs: Path, own: Path) -> Mapping[str, Any]:
    teacher, step = settings.get("teacher"), settings.get("step")
    if not isinstance(teacher, str) or not (step is None or isinstance(step, int)):
        return settings  # pydantic says what is wrong
    named = NamedWeights(setting, teacher, runs, own)
    if named.is_on_hub:
        return {**settings, "teacher": pinned(teacher, named.place)}
    place = named.find(step)
    if place.checkpoint is not None:
        ArtifactFolder(place.folder).described(place.checkpoint)  # refuses those that hold no whole model
    found = place.checkpoint.folder if place.checkpoint else place.folder
    return {**settings, "teacher": str(found), "step": None}
