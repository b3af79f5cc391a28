"""The `tracking` section: a file for each place that metrics go to. A new one is a new file here and a module in
`pipeline/tracking/`."""

from pipeline.config.choices import import_choices
from pipeline.config.trackers.base import TrackingConfig

__all__ = ["TrackingConfig"]

import_choices(TrackingConfig, __name__)
