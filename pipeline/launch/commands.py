"""The commands that start a stage's workers: one process, torchrun's agent, or srun."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.config.run import SlurmLauncher
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.launch.torchrun.loopback import ADDRESS

LOOPBACK = "loopback"
"""The rendezvous backend of `pipeline/launch/torchrun/agent.py` for the workers of one machine."""


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
        *[sys.executable, "-m", "pipeline.launch.torchrun.agent", str(folder), launch],
        *meeting,
        f"--nproc-per-node={trainer.devices}",
        *["-m", "pipeline.launch.worker", str(folder), launch],
    ]


def srun(
    module: str,
    arguments: list[str],
    launcher: SlurmLauncher,
    environment: Mapping[str, str],
    mounts: list[str],
) -> list[str]:
    """`python -m module arguments` in each task of the job; the first that fails ends the others.

    Args:
        mounts: folders that a container shows at the same paths.
    """
    command = ["srun", "--kill-on-bad-exit=1", "--mpi=none"]
    if cpus := environment.get("SLURM_CPUS_PER_TASK"):  # which srun does not take from its job
        command.append(f"--cpus-per-task={cpus}")
    python = sys.executable
    if launcher.container:
        places = ",".join([*(f"{path}:{path}" for path in mounts), *launcher.container_mounts])
        command += [
            f"--container-image={launcher.container}",
            f"--container-mounts={places}",
            f"--container-workdir={Path.cwd()}",
        ]
        python = launcher.container_python
    return [*command, python, "-m", module, *arguments]


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
