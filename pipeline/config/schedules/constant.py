"""A constant learning rate."""

from typing import Literal

from pipeline.config.schedules.base import ScheduleConfig


class ConstantSchedule(ScheduleConfig):
    """Warm up, then stay."""

    name: Literal["constant"] = "constant"

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        return 1.0
