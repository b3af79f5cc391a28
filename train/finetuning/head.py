"""A base model with a head of a task's own, in place of its output matrix."""

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from pipeline.config.models import ModelConfig
from train.checkpoints.final_model import load_weights, read_weights, save_model
from train.models import Body
from train.models.wrapped import BODY, WrappedModel


class ModelWithHead(WrappedModel):
    """What a subclass adds to the body is new: it names it in `new_layers`."""

    def __init__(self, backbone: Body):
        """The backbone becomes part of this model and loses its output layers, which nothing would train."""
        backbone.drop_output()
        super().__init__(backbone)


M = TypeVar("M", bound=ModelWithHead)


def save_with_head(
    artifact: Path, state: dict[str, Tensor], config: ModelConfig, vocab_size: int, **facts: Any
) -> None:
    """Write `<artifact>/model`: the weights under their Hugging Face names, the facts in model.json."""
    named = {name.removeprefix(BODY): tensor for name, tensor in state.items()}
    save_model(artifact, named, config, vocab_size, **facts)


def load_with_head(model: M, artifact: Path, device: str | torch.device) -> M:
    """The model with the artifact's weights, in evaluation mode.

    Raises:
        UserError: where they are of another architecture.
    """
    new = tuple(f"{layer}." for layer in model.new_layers)
    state = read_weights(artifact)
    own = {name if name.startswith(new) else BODY + name: tensor for name, tensor in state.items()}
    load_weights(model, own, str(artifact))
    return model.to(device).eval()
