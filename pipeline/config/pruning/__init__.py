"""The `pretrain.prune` setting: a file for each way of pruning. A new one is a new file here, and the module in
`train/pruning/` that does it."""

from pipeline.config.choices import import_choices
from pipeline.config.pruning.base import PruneConfig

__all__ = ["PruneConfig"]

import_choices(PruneConfig, __name__)
