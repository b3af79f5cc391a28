"""Training of a few rows alone, for some steps: the optimizer sees no gradients of all else."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from train.strategies.shares import Share, whole_shape


@dataclass(frozen=True)
class OnlyRows:
    """Which rows are trained, and for how long."""

    names: frozenset[str]
    """Of parameters with a row for each token."""
    first: int
    """The first row that is trained; so are those behind it."""
    steps: int
    """Of the training's first."""

    def elements(self, model: nn.Module) -> dict[nn.Parameter, int]:
        """The parameters, each with the first of its elements that is trained."""
        return {
            parameter: self.first * whole_shape(parameter)[1:].numel()
            for name, parameter in model.named_parameters()
            if name in self.names
        }


@contextmanager
def stepping_only(
    optimizer: Optimizer, shares: Sequence[Share], elements: Mapping[nn.Parameter, int]
) -> Generator[None]:
    """Around an optimizer's step, which then changes these elements alone, bitwise: without gradients, momentum and
    decay our optimizers leave a weight as it is.

    Args:
        shares: what this rank's optimizer holds, as `TrainingStrategy.shares` says.
        elements: as `OnlyRows.elements` gives them.
    """
    for share in shares:
        _keep_gradients(share, elements)
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    yield
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay


def _keep_gradients(share: Share, elements: Mapping[nn.Parameter, int]) -> None:
    gradient = share.tensor.grad
    if gradient is None:
        return
    flat = (gradient.to_local() if isinstance(gradient, DTensor) else gradient).view(-1)
    kept = []
    for part in share.fragments:
        start = max(elements.get(part.parameter, part.start + part.size), part.start) - part.start
        if start < part.size:
            place = slice(part.offset + start, part.offset + part.size)
            kept.append((place, flat[place].clone()))
    flat.zero_()
    for place, values in kept:
        flat[place] = values
