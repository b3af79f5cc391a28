"""The layers of a model that adapters are for."""

from torch import nn
from transformers.pytorch_utils import Conv1D

from train.models.wrapped import WrappedModel

OUTPUT = "lm_head"
"""Gets no adapter and keeps its bits: where it is tied it is the embedding, too."""


def linear_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The linear layers with their full names, apart from the output matrix and the layers of a task's head."""
    spared = {OUTPUT, *new_layers(model)}
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and spared.isdisjoint(name.split("."))
    ]


def new_layers(model: nn.Module) -> tuple[str, ...]:
    """Layers of a task's head, which are trained whole."""
    return model.new_layers if isinstance(model, WrappedModel) else ()
