"""The learning rate over the steps, as torch has it: a factor of each parameter group's own peak."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from pipeline.config.schedules import ScheduleConfig


def build_scheduler(optimizer: Optimizer, config: ScheduleConfig, total_steps: int) -> LambdaLR:
    """A scheduler to step once per optimizer step; it multiplies every group's own peak."""
    return LambdaLR(optimizer, lambda step: config.factor(step, total_steps))
