"""The layers of a model that adapters are for."""

from collections.abc import Iterator

from torch import nn
from transformers.pytorch_utils import Conv1D

from train.models.lm_head import LMHead
from train.models.wrapped import WrappedModel

OUTPUT = "lm_head"
"""Gets no adapter and keeps its bits: where it is tied it is the embedding, too."""


def linear_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The linear layers with their full names, apart from the output matrix and the layers of a task's head."""
    return [(name, module) for name, module in _all_linear(model) if not _is_spared(model, name, module)]


def spared_layers(model: nn.Module) -> list[str]:
    """Names of the other linear layers, some of which may be called as one that gets an adapter."""
    return [name for name, module in _all_linear(model) if _is_spared(model, name, module)]


def _all_linear(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    return (each for each in model.named_modules() if isinstance(each[1], (nn.Linear, Conv1D)))


def _is_spared(model: nn.Module, name: str, module: nn.Module) -> bool:
    spared = {OUTPUT, *new_layers(model)}
    return isinstance(module, LMHead) or not spared.isdisjoint(name.split("."))


def new_layers(model: nn.Module) -> tuple[str, ...]:
    """Layers of a task's head, which are trained whole."""
    return model.new_layers if isinstance(model, WrappedModel) else ()
