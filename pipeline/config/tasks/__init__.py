"""The `finetune` section: a file for each task. A new one is a new file here and its module in
`train/finetuning/tasks/`."""

from pipeline.config.choices import import_choices
from pipeline.config.tasks.base import FinetuneConfig

__all__ = ["FinetuneConfig"]

import_choices(FinetuneConfig, __name__)
