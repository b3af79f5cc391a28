"""The commands that start a stage's workers: one process, or torchrun's agent with several."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.launch.loopback import ADDRESS

LOOPBACK = "loopback"
"""The rendezvous backend of `pipeline/launch/agent.py` for the workers of one machine."""


def one_process(folder: Path, launch: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.launch.worker", str(folder), launch]


def torchrun(folder: Path, launch: str, trainer: TrainerConfig, endpoint: str | None) -> list[str]:
    """torchrun's agent of this node, with a worker per device.

    Args:
        launch: id, which all nodes share.
        endpoint: where the nodes meet; None for one node.
    """
    if endpoint is None:
        meeting = [
            f"--rdzv-backend={LOOPBACK}",
            f"--rdzv-endpoint={ADDRESS}",
        ]  # torchrun warns without the second
    else:
        meeting = ["--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", f"--rdzv-id={launch}",
                   f"--nnodes={trainer.nodes}"]  # fmt: skip
    return [
        *[sys.executable, "-m", "pipeline.launch.agent", str(folder), launch],
        *meeting,
        f"--nproc-per-node={trainer.devices}",
        *["-m", "pipeline.launch.worker", str(folder), launch],
    ]


def check_devices(trainer: TrainerConfig, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where fewer GPUs are visible on this node than the trainer asks for."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if trainer.accelerator != "gpu" or visible is None:
        return
    count = len([name for name in visible.split(",") if name.strip()])
    if count < trainer.devices:
        raise UserError(
            f"trainer.devices={trainer.devices}, but CUDA_VISIBLE_DEVICES={visible!r} shows {count} on this node; "
            "lower the one or widen the other"
        )
