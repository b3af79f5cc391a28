"""The model in an artifact: safetensors and a JSON file that says how to build it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipeline.config.models import ModelConfig
from pipeline.config.objectives import ObjectiveConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import DESCRIPTION, MODEL_FOLDER
from pipeline.store.artifacts import damaged, read_json, write_json
from train.models import TrainableModel, build_model

WEIGHTS = "model.safetensors"


def save_model(
    artifact: Path, state: dict[str, Tensor], config: ModelConfig, vocab_size: int, **facts: Any
) -> None:
    """Write `<artifact>/model`. Of tensors that share memory (tied embeddings) the first name is written.

    Args:
        state: the model's full state dict, in fp32.
        facts: what else model.json should say, such as the hash of the tokenizer.
    """
    folder = artifact / MODEL_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    unique: dict[int, str] = {}
    for name, tensor in state.items():
        unique.setdefault(tensor.data_ptr(), name)
    kept = {name: state[name].detach().cpu().contiguous() for name in unique.values()}
    save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(
        folder / DESCRIPTION, {"model": config.model_dump(mode="json"), "vocab_size": vocab_size, **facts}
    )


def describe_model(artifact: Path) -> dict[str, Any]:
    """What model.json says.

    Raises:
        UserError: where the folder holds no model, or one whose description is damaged.
    """
    path = artifact / MODEL_FOLDER / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{artifact} holds no model ({path} is missing); run the stage that makes it")
    return read_json(path, artifact, ("model", "vocab_size"))


def described_model(artifact: Path) -> tuple[ModelConfig, int]:
    """The `model` section that the artifact's model was built from, and the size of its vocabulary.

    Raises:
        UserError: as `describe_model`.
    """
    description = describe_model(artifact)
    try:
        model = TypeAdapter(ModelConfig).validate_python(description["model"])
        return model, TypeAdapter(PositiveInt).validate_python(description["vocab_size"])
    except ValidationError:
        path = artifact / MODEL_FOLDER / DESCRIPTION
        raise UserError(damaged(path, "it describes no model", artifact)) from None


def described_objective(artifact: Path) -> ObjectiveConfig:
    """The `objective` section that the artifact's model was pretrained with; a model that names none is causal.

    Raises:
        UserError: as `describe_model`.
    """
    description = describe_model(artifact).get("objective")
    if description is None:
        return CausalConfig()
    try:
        return TypeAdapter(ObjectiveConfig).validate_python(description)
    except ValidationError:
        path = artifact / MODEL_FOLDER / DESCRIPTION
        raise UserError(damaged(path, "it describes no objective", artifact)) from None


def load_model(artifact: Path, device: str | torch.device = "cpu") -> TrainableModel:
    """The artifact's model in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    model = build_model(*described_model(artifact))
    load_weights(model, read_weights(artifact), str(artifact))
    return model.to(device).eval()


def read_weights(artifact: Path) -> dict[str, Tensor]:
    """The artifact's weights.

    Raises:
        UserError: where they are gone or damaged.
    """
    path = artifact / MODEL_FOLDER / WEIGHTS
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise UserError(
            f"{path} is missing or damaged ({error}); delete {artifact} and start again: its stage is built anew"
        ) from None


def load_weights(model: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Copy `state` into the model; a tied tensor may stand under either of its names.

    Raises:
        UserError: where names or shapes do not fit: a checkpoint of another architecture.
    """
    check_fit(model, {name: tensor.shape for name, tensor in state.items()}, source)
    model.load_state_dict(state, strict=False)


def check_fit(model: torch.nn.Module, shapes: Mapping[str, torch.Size], source: str) -> None:
    """See whether weights of these names and shapes are a model's; the model may lie on the meta device.

    Raises:
        UserError: as `load_weights`.
    """
    wanted = model.state_dict(keep_vars=True)
    shared: dict[Tensor, list[str]] = {}
    for name, tensor in wanted.items():
        shared.setdefault(tensor, []).append(name)
    missing = [names[0] for names in shared.values() if not any(name in shapes for name in names)]
    unknown = sorted(set(shapes) - set(wanted))
    wrong = [
        f"{name} is {tuple(shape)}, the model has {tuple(wanted[name].shape)}"
        for name, shape in shapes.items()
        if name in wanted and shape != wanted[name].shape
    ]
    if missing or unknown or wrong:
        facts = [f"{len(missing)} missing ({missing[0]}, …)"] if missing else []
        facts += [f"{len(unknown)} unknown ({unknown[0]}, …)"] if unknown else []
        raise UserError(
            f"the weights in {source} are of another architecture: {'; '.join(facts + wrong[:2])}. "
            "Use the model settings that they were trained with, or start from scratch under another run name"
        )
