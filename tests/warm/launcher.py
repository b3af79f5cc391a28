"""`launcher=warm`: the settings."""

from typing import ClassVar, Literal

from pipeline.config.launchers.base import LauncherConfig


class WarmLauncher(LauncherConfig):
    """Workers are forked from the tests' server."""

    implementation: ClassVar[str] = "tests.warm.launching"

    kind: Literal["warm"] = "warm"


LauncherConfig.model_rebuild(force=True)  # it has one choice more now
