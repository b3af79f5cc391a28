"""The settings of launches on several machines without a scheduler."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.launchers.base import LauncherConfig


class TorchrunLauncher(LauncherConfig):
    """Workers are started on several machines: the same command is given on each, and they meet at `rendezvous`."""

    implementation: ClassVar[str] = "pipeline.launch.torchrun"

    kind: Literal["torchrun"] = "torchrun"
    rendezvous: Annotated[str | None, Field(pattern=r"^[^\s/]+:\d+$")] = None
    """`host:port` on one of the machines, the same for all; needed for more than one."""

    def reach_problems(self, nodes: int, where: str) -> list[str]:
        if nodes == 1 or self.rendezvous is not None:
            return []
        return [
            f"{where}.nodes={nodes} machines need a place to meet: "
            "launcher.rendezvous=host:port, one of them, with a free port"
        ]
