"""A learning rate that stays and decays at the end."""

import math
from typing import Literal

from pipeline.config.base import Fraction
from pipeline.config.schedules.base import ScheduleConfig, progress


class WSDSchedule(ScheduleConfig):
    """Warm up, stay, decay at the end (Hu et al., 2024), in the form 1 − √progress, which Hägele et al. (2024) found
    best."""

    name: Literal["wsd"] = "wsd"
    min_ratio: Fraction = 0.1
    """Factor at the last step; 0 leaves the weights as they are there."""
    decay: Fraction = 0.2
    """The last fraction of the steps, in which the rate decays."""

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        start = max(warmup, total_steps - round(self.decay * total_steps))
        remaining = 1 - math.sqrt(progress(step, start, total_steps))
        return self.min_ratio + (1 - self.min_ratio) * remaining
