"""The `model` section: a file for each family. A new one is a new file here and its module in `train/models/`."""

from pipeline.config.choices import import_choices
from pipeline.config.models.base import ModelConfig

__all__ = ["ModelConfig"]

import_choices(ModelConfig, __name__)
