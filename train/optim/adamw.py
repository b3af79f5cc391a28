"""AdamW (Loshchilov and Hutter, 2019): torch's own."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from pipeline.config.optimizers.adamw import AdamWConfig
from train.optim.groups import decay_groups


def build(model: nn.Module, config: AdamWConfig) -> Optimizer:
    settings = {"lr": config.lr, "betas": config.betas, "eps": config.eps}
    groups = [group | settings for group in decay_groups(model, config.weight_decay)]
    # Torch refuses its fused step for parameters without memory, from which memory is predicted.
    fused = all(parameter.device.type != "meta" for parameter in model.parameters())
    return AdamW(groups, fused=fused)


def state_names(group: Mapping[str, Any]) -> tuple[str, ...]:
    return "step", "exp_avg", "exp_avg_sq"


def step_bytes(group: Mapping[str, Any], element_bytes: int) -> int:
    return 0
