"""`finetune.init`: finds the weights that fine-tuning is to start from, in place of those that the run pretrains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.named_weights import NamedWeights
from pipeline.config.tasks import FinetuneConfig
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.remote.listing import ARTIFACT_SCHEME, is_remote

SETTING = "finetune.init"


def with_base_weights(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration with the place of the weights; as it is where it names none, or fine-tunes nothing.

    Raises:
        UserError: where there are no such weights.
    """
    settings, run = values.get("finetune"), values.get("run")
    if not isinstance(settings, Mapping) or not isinstance(run, Mapping):
        return values
    init, step = settings.get("init"), settings.get("step")
    if not isinstance(init, str) or not (step is None or isinstance(step, int)):
        return values  # nothing to do, or pydantic says what is wrong
    task = FinetuneConfig.choices().get(str(settings.get("task")))
    if task is None or not task.enabled or init.startswith(ARTIFACT_SCHEME) or is_remote(init):
        return values  # what is neither here nor on the hub the stage looks up
    runs = Path(str(run.get("runs", "runs")))
    named = NamedWeights(SETTING, init, runs, runs / str(run.get("name", "")))
    if named.is_on_hub:
        return {**values, "finetune": {**settings, "init": named.on_hub()}}
    place = named.find(step)
    if place.checkpoint is not None:
        ArtifactFolder(place.folder).described(place.checkpoint)  # refuses those that hold no whole model
    found = place.checkpoint.folder if place.checkpoint else place.folder
    return {**values, "finetune": {**settings, "init": str(found), "step": None}}
