"""A learning rate that falls along half a cosine."""

import math
from typing import Literal

from pipeline.config.base import Fraction
from pipeline.config.schedules.base import ScheduleConfig, progress


class CosineSchedule(ScheduleConfig):
    """Warm up, then half a cosine (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = "cosine"
    min_ratio: Fraction = 0.1
    """Factor at the last step; 0 leaves the weights as they are there."""

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        remaining = (1 + math.cos(math.pi * progress(step, warmup, total_steps))) / 2
        return self.min_ratio + (1 - self.min_ratio) * remaining
