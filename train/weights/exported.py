"""The folder of a training as if it had ended with other weights: what reads artifacts reads it all the same."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from pipeline.context import Context
from pipeline.formats.checkpoints import FOLDER
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER
from train.checkpoints.final_model import WEIGHTS
from train.weights.choice import Choice, exported_stage
from train.weights.states import TrainedStates


def with_weights(context: Context, choice: Choice) -> Context:
    """The context with the chosen weights in the model that is exported.

    Raises:
        UserError: where a checkpoint is gone, damaged or of another model.
    """
    stage = exported_stage(context.inputs)
    artifact = context.inputs[stage]
    state = TrainedStates(artifact, context).mean(choice.shares)
    folder = write_artifact(context.scratch / "weights" / artifact.name, artifact, state)
    return replace(context, inputs={**context.inputs, stage: folder})


def write_artifact(folder: Path, artifact: Path, state: dict[str, Tensor]) -> Path:
    """A folder with links to all that an artifact holds but for its checkpoints and its weights, which are these."""
    shutil.rmtree(folder, ignore_errors=True)  # what a killed attempt left
    (folder / MODEL_FOLDER).mkdir(parents=True)
    for place in artifact.iterdir():
        if place.name not in (MODEL_FOLDER, FOLDER):
            (folder / place.name).symlink_to(place.resolve())
    shutil.copyfile(artifact / MODEL_FOLDER / DESCRIPTION, folder / MODEL_FOLDER / DESCRIPTION)
    whole: dict[str, Any] = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(whole, folder / MODEL_FOLDER / WEIGHTS, metadata={"format": "pt"})
    return folder
