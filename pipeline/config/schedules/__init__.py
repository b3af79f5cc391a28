"""The `schedule` section: a file for each schedule, with its formula. A new one is a new file here."""

from pipeline.config.choices import import_choices
from pipeline.config.schedules.base import ScheduleConfig

__all__ = ["ScheduleConfig"]

import_choices(ScheduleConfig, __name__)
