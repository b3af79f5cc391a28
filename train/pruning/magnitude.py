"""Pruning by magnitude (Han et al., 2015): of each matrix by itself."""

from pipeline.config.models import ModelConfig
from pipeline.config.pruning.magnitude import Magnitude
from train.models import TrainableModel
from train.pruning.matrices import check_sparse, matrices
from train.pruning.methods import Calibration, Pruned
from train.pruning.zeros import zero_least, zero_two_of_four


def check(config: Magnitude, model: TrainableModel) -> None:
    check_sparse(config, model)


def prune(config: Magnitude, model: TrainableModel, section: ModelConfig, calibration: Calibration) -> Pruned:
    for matrix in matrices(model):
        weight = matrix.weight
        if config.pattern == "2:4":
            zero_two_of_four(weight, weight.abs())
        else:
            # As the parameter lies in memory, so that its flat form is a view.
            flat = matrix.layer.get_parameter("weight").detach().view(-1)
            zero_least(flat, flat.abs(), config.sparsity)
    return Pruned(model)
