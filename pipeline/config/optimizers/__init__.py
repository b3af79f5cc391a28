"""The `optim` section: a file for each optimizer. A new one is a new file here and its module in `train/optim/`."""

from pipeline.config.choices import import_choices
from pipeline.config.optimizers.base import OptimizerConfig

__all__ = ["OptimizerConfig"]

import_choices(OptimizerConfig, __name__)
