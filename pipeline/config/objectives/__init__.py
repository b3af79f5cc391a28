"""The `objective` section: a file for each objective. A new one is a new file here and its module in
`train/objectives/`."""

from pipeline.config.choices import import_choices
from pipeline.config.objectives.base import ObjectiveConfig

__all__ = ["ObjectiveConfig"]

import_choices(ObjectiveConfig, __name__)
