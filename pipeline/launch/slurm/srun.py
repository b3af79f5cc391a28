"""The command that starts a job's tasks on its nodes."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.config.launchers.slurm import SlurmLauncher


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
    # Rank 0 may finish the artifact long after the others are done, whatever the site thinks of such tasks.
    command = ["srun", "--kill-on-bad-exit=1", "--wait=0", "--mpi=none"]
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
