"""Where and how a run happens: none of it changes a result."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Section


class RunConfig(Section):
    """A run's name and folders."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "demo"
    """Folder below `runs`, W&B group, and label of the artifacts that this run builds."""
    artifacts: str = "artifacts"
    """The store: shared by all runs, safe to share between users of a cluster."""
    runs: str = "runs"
    progress: bool = True
    """Progress bars; without a terminal a line now and then."""
    command: str | None = None
    """Left to the program: the command line that started the run, for its report."""


class TrackingConfig(Section):
    """Experiment tracking. Metrics are always kept in the artifact too."""

    backend: Literal["wandb", "none"] = "wandb"
    mode: Literal["auto", "online", "offline"] = "auto"
    """`auto`: online where a W&B key is found, else offline."""
    project: str = "lm-workflow"
    entity: str | None = None
    group: str | None = None
    """W&B group; None takes the run's name, and a sweep its own."""
    tags: list[str] = []


class LauncherConfig(Section):
    """How the workers of a stage are started: on this machine, one process per device, under torchrun for several."""

    max_restarts: Annotated[int, Field(ge=0)] = 0
    """How often torchrun starts failed workers again; they resume from the last checkpoint."""
    env: dict[str, str] = {}
    """Environment variables for the workers."""
