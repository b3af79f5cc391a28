"""A learning rate that falls in a straight line."""

from typing import Literal

from pipeline.config.base import Fraction
from pipeline.config.schedules.base import ScheduleConfig, progress


class LinearSchedule(ScheduleConfig):
    """Warm up, then straight down."""

    name: Literal["linear"] = "linear"
    min_ratio: Fraction = 0.1
    """Factor at the last step; 0 leaves the weights as they are there."""

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        remaining = 1 - progress(step, warmup, total_steps)
        return self.min_ratio + (1 - self.min_ratio) * remaining
