"""Pruning by weights and activations (Sun et al., 2023, arXiv:2306.11695)."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.models import ModelConfig
from pipeline.config.pruning.wanda import Wanda
from train.models import TrainableModel
from train.pruning.matrices import Matrix, block_matrices, check_sparse
from train.pruning.methods import Calibration, Pruned
from train.pruning.zeros import zero_least, zero_two_of_four


def check(config: Wanda, model: TrainableModel) -> None:
    check_sparse(config, model)


def prune(config: Wanda, model: TrainableModel, section: ModelConfig, calibration: Calibration) -> Pruned:
    for block in block_matrices(model):
        norms = input_norms(model, block, calibration)
        for matrix in block:
            weight = matrix.weight
            scores = weight.abs() * norms[matrix.name]
            if config.pattern == "2:4":
                zero_two_of_four(weight, scores)
            else:
                zero_least(weight, scores, config.sparsity)
    return Pruned(model)


def input_norms(
    model: TrainableModel, layers: Iterable[Matrix], calibration: Calibration
) -> dict[str, Tensor]:
    """‖x_j‖₂ of each input j of some layers over all tokens of the calibration: fp32 [in], by the matrix's name."""
    sums: dict[str, Tensor] = {}
    hooks = [each.layer.register_forward_pre_hook(_adder(sums, each.name)) for each in layers]
    try:
        calibration.read(model)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total.sqrt().float() for name, total in sums.items()}


def _adder(sums: dict[str, Tensor], name: str) -> Callable[[nn.Module, Any], None]:
    def add(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        squares = given[0].flatten(0, -2).float().square().sum(0, dtype=torch.float64)
        sums[name] = squares if name not in sums else sums[name] + squares

    return add
