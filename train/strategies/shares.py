"""What one rank holds of a model in training: the tensors that its optimizer steps, and where their elements belong."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Group = dict[str, Any]
"""A group of an optimizer's parameters with its settings, as torch keeps it: `params`, `lr` and what the optimizer
has besides."""


@dataclass(frozen=True)
class Fragment:
    """Consecutive elements of one parameter that lie in a tensor of the optimizer."""

    parameter: nn.Parameter
    """The model's, of which they are a part."""
    start: int
    """First element, within the whole parameter, flattened."""
    offset: int
    """Where it lies within the tensor as it is on this rank, flattened."""
    size: int


@dataclass(frozen=True)
class Share:
    """A tensor that the optimizer was given, and what of the model lies in it."""

    tensor: Tensor
    """fp32, with the optimizer's states in `optimizer.state[tensor]`: a parameter of the model, or what the strategy
    has put in its place."""
    group: Group
    """That it belongs to."""
    fragments: tuple[Fragment, ...]
    """None where this rank's part of it is empty."""


def whole_parameter(parameter: nn.Parameter) -> tuple[Fragment]:
    """For a parameter that lies whole on this rank."""
    return (Fragment(parameter, 0, 0, parameter.numel()),)


def whole_shape(parameter: nn.Parameter) -> torch.Size:
    """Shape of the whole parameter; ZeRO 3 leaves an empty stand-in for it."""
    return getattr(parameter, "ds_shape", parameter.shape)
