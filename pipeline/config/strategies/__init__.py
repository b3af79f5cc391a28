"""The `strategy` section: a file for each strategy. A new one is a new file here and one in `train/strategies/`."""

from pipeline.config.choices import import_choices
from pipeline.config.strategies.base import StrategyConfig

__all__ = ["StrategyConfig"]

import_choices(StrategyConfig, __name__)
