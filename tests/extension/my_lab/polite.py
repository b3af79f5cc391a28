"""The settings of a launcher."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.launchers import LauncherConfig


class PoliteLauncher(LauncherConfig):
    """Each stage runs in one process of this machine that lets all others go first."""

    implementation: ClassVar[str] = "my_lab.polite_processes"

    kind: Literal["polite"] = "polite"
    niceness: Annotated[int, Field(ge=0, le=19)] = 10
