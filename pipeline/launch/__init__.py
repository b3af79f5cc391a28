"""Starting the workers of stages, here or elsewhere, and staying with them.

What the rest of the program asks of a launcher's module, `pipeline/launch/<kind>`, is one function:

- `build(stages, announce) -> Iterator[(artifact, reused)]` brings all stages up to date, in their order, and gives each
  one's artifact and whether it was there already. It gives nothing where it submits the stages and does not wait.

What is known of a launcher without its module, such as whether it waits, says its section
(`pipeline/config/launchers/base.py`).
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pipeline.announce import Announce
from pipeline.config.launchers import LauncherConfig
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact


class LauncherModule(Protocol):
    """A module or package of this folder, or of a plugin."""

    @staticmethod
    def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
        """Raises: UserError: where a stage fails; what was finished before stays."""
        ...


def launcher_module(config: LauncherConfig) -> LauncherModule:
    """The module that a `launcher` section names."""
    return config.load(LauncherModule)
