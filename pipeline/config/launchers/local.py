"""The settings of launches on one machine."""

from typing import ClassVar, Literal

from pipeline.config.launchers.base import LauncherConfig


class LocalLauncher(LauncherConfig):
    """Workers are started on this machine: one process, or one per device under torchrun."""

    implementation: ClassVar[str] = "pipeline.launch.local"

    kind: Literal["local"] = "local"
