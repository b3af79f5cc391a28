"""The folder of a training as if it had ended with other weights: what reads artifacts reads it all the same."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from pipeline.context import Context
from pipeline.formats.checkpoints import FOLDER
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER
from pipeline.store.artifacts import read_json, write_json
from train.checkpoints.final_model import WEIGHTS
from train.weights.choice import Choice
from train.weights.states import TrainedStates

CHOICE_FILE = "weights.json"
"""In an artifact of evaluate: which weights it has scored besides the last, and are exported."""


def exported_stage(inputs: Mapping[str, Path]) -> str:
    """The training whose model is exported."""
    return "finetune" if "finetune" in inputs else "pretrain"


def write_choice(folder: Path, choice: Choice) -> None:
    """Tell export what was chosen."""
    shares = {str(step): share for step, share in choice.shares.items()}
    write_json(folder / CHOICE_FILE, {"label": choice.label, "words": choice.words, "shares": shares})


def read_choice(evaluate: Path) -> Choice | None:
    """What an artifact of evaluate says of the weights that are exported; None for those of the last step.

    Raises:
        UserError: where the file is damaged.
    """
    if not (evaluate / CHOICE_FILE).is_file():
        return None
    said = read_json(evaluate / CHOICE_FILE, evaluate, ("label", "words", "shares"))
    return Choice(said["label"], said["words"], {int(step): share for step, share in said["shares"].items()})


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
