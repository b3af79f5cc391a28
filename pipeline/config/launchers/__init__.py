"""The `launcher` section: a file for each launcher. A new one is a new file here and a module in `pipeline/launch/`."""

from pipeline.config.choices import import_choices
from pipeline.config.launchers.base import LauncherConfig

__all__ = ["LauncherConfig"]

import_choices(LauncherConfig, __name__)
