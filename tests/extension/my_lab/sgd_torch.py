"""The optimizer itself."""

from collections.abc import Mapping
from typing import Any

from my_lab.sgd import SGDConfig
from torch import nn
from torch.optim import SGD, Optimizer

from train.optim.groups import decay_groups


def build(model: nn.Module, config: SGDConfig) -> Optimizer:
    return SGD(decay_groups(model, config.weight_decay), lr=config.lr, momentum=config.momentum)


def state_names(group: Mapping[str, Any]) -> tuple[str, ...]:
    return ("momentum_buffer",) if group["momentum"] else ()


def step_bytes(group: Mapping[str, Any], element_bytes: int) -> int:
    return 0
