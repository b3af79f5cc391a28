"""The gradients of an output layer, added up over chunks of tokens while a chunk's logits are at hand."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class HeadGradients(NamedTuple):
    """Of the inputs of an output layer, as far as they are asked for; filled by `add_gradients`."""

    hidden: Tensor | None
    weight: Tensor | None
    """Summed over chunks in fp32: in bf16 the small later terms would be lost."""
    bias: Tensor | None

    @classmethod
    def empty(cls, needed: Sequence[bool], hidden: Tensor, weight: Tensor) -> "HeadGradients":
        """Args: needed: `needs_input_grad` of hidden states, weight and bias, and what comes after them."""
        return cls(
            torch.empty_like(hidden) if needed[0] else None,
            torch.zeros_like(weight, dtype=torch.float32) if needed[1] else None,
            torch.zeros_like(weight[:, 0], dtype=torch.float32) if needed[2] else None,
        )


def add_gradients(grads: HeadGradients, scores: Tensor, part: Tensor, matrix: Tensor, start: int) -> None:
    """Add what the gradients of a chunk's logits, fp32 [n, V], come to.

    Args:
        part: the chunk's hidden states [n, H], in the type that is computed in.
        matrix: the weight [V, H], likewise.
        start: the chunk's first row.
    """
    grad_logits = scores.to(part.dtype)
    if grads.hidden is not None:
        grads.hidden[start : start + part.size(0)] = grad_logits @ matrix
    if grads.weight is not None:
        if part.dtype == torch.float32:
            grads.weight.addmm_(grad_logits.t(), part)
        else:
            grads.weight.add_(grad_logits.t() @ part)
    if grads.bias is not None:
        grads.bias.add_(scores.sum(0))


def computing_dtype(hidden: Tensor) -> torch.dtype:
    """The type that products with hidden states are made in."""
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


def cast_to(bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """A bias in the type that is computed in."""
    return None if bias is None else bias.to(dtype)


def cast_like(gradient: Tensor | None, parameter: Tensor | None) -> Tensor | None:
    """The gradient in its parameter's type."""
    return gradient if gradient is None or parameter is None else gradient.to(parameter.dtype)
