"""The learning rate over the steps, as a factor of each parameter group's own peak."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pipeline.config.training import ScheduleConfig


def warmup_steps(config: ScheduleConfig, total_steps: int) -> int:
    """Steps of linear warm-up; a `warmup` below 1 is a fraction of all steps."""
    steps = config.warmup * total_steps if config.warmup < 1 else config.warmup
    return min(round(steps), total_steps)


def lr_factor(step: int, *, total_steps: int, config: ScheduleConfig) -> float:
    """Factor of the peak learning rate at optimizer step `step`, counted from 0.

    Warm-up rises linearly and reaches 1 at its last step. From there

    - `constant` stays;
    - `cosine` (Loshchilov and Hutter, 2017) and `linear` fall to `min_ratio` at the last step;
    - `wsd` (Hu et al., 2024) stays, and falls to `min_ratio` over the last `decay` of all steps in
      the form 1 − √progress, which Hägele et al. (2024) found best.
    """
    warmup = warmup_steps(config, total_steps)
    if step < warmup:
        return (step + 1) / warmup
    if config.name == "constant":
        return 1.0
    start = warmup
    if config.name == "wsd":
        start = max(warmup, total_steps - round(config.decay * total_steps))
    progress = (step - start) / max(1, total_steps - 1 - start)
    progress = min(max(progress, 0.0), 1.0)
    match config.name:
        case "cosine":
            remaining = (1 + math.cos(math.pi * progress)) / 2
        case "linear":
            remaining = 1 - progress
        case "wsd":
            remaining = 1 - math.sqrt(progress)
    return config.min_ratio + (1 - config.min_ratio) * remaining


def build_scheduler(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> LambdaLR:
    """A scheduler to step once per optimizer step; it multiplies every group's own peak."""
    return LambdaLR(optimizer, lambda step: lr_factor(step, total_steps=total_steps, config=config))
