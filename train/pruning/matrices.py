"""The matrices whose single weights are pruned: those of the linear layers within a model's blocks."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from pipeline.config.pruning.base import SparseConfig
from pipeline.errors import UserError
from train.models import TrainableModel

GROUP = 4
"""Neighbouring inputs of which `pattern=2:4` sets two to zero."""


@dataclass(frozen=True)
class Matrix:
    """A linear layer's weight."""

    name: str
    """Of the parameter, in the model."""
    layer: nn.Module

    @property
    def weight(self) -> Tensor:
        """[out, in]: a view of the parameter, which GPT-2's layout has as [in, out]."""
        weight = self.layer.get_parameter("weight").detach()
        return weight.t() if isinstance(self.layer, Conv1D) else weight


def block_matrices(model: TrainableModel) -> list[list[Matrix]]:
    """Those of each block, in the order in which the model runs them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        [
            Matrix(names[id(layer.weight)], layer)
            for layer in block.modules()
            if isinstance(layer, (nn.Linear, Conv1D))
        ]
        for block in model.blocks
    ]


def matrices(model: TrainableModel) -> list[Matrix]:
    """Of all blocks."""
    return [matrix for block in block_matrices(model) for matrix in block]


def check_sparse(config: SparseConfig, model: TrainableModel) -> None:
    """Raises: UserError: where the model has nothing to prune in this way."""
    found = matrices(model)
    if not found:
        raise UserError(
            f"pretrain.prune.method={config.choice} prunes linear layers within a model's blocks, and "
            f"{type(model).__name__} has none; leave pretrain.prune out"
        )
    if any(parameter.dim() > 2 for block in model.blocks for parameter in block.parameters()):
        raise UserError(
            f"pretrain.prune.method={config.choice}: a mixture of experts cannot be pruned; leave pretrain.prune out"
        )
    if config.pattern == "2:4":
        _check_groups(found)


def _check_groups(found: Iterable[Matrix]) -> None:
    for matrix in found:
        if width := matrix.weight.size(1) % GROUP:
            raise UserError(
                f"pretrain.prune.pattern=2:4 takes inputs in groups of {GROUP}, which leave {width} of the "
                f"{matrix.weight.size(1)} of {matrix.name} over; use pattern=any, or weights of another width"
            )
