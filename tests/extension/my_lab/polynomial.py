"""A schedule, whose section holds its formula."""

from typing import Literal

from pydantic import PositiveFloat

from pipeline.config.schedules import ScheduleConfig
from pipeline.config.schedules.base import progress


class PolynomialSchedule(ScheduleConfig):
    """Warm up, then fall to zero with a power of what remains."""

    name: Literal["polynomial"] = "polynomial"
    power: PositiveFloat = 2.0

    def factor_after_warmup(self, step: int, warmup: int, total_steps: int) -> float:
        return (1 - progress(step, warmup, total_steps)) ** self.power
