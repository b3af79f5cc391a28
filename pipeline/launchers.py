"""Starting a stage's workers: one process, or several under torchrun."""

import os
import subprocess
import sys
from pathlib import Path

from pipeline.config.run import LauncherConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError


def launch(folder: Path, launcher: LauncherConfig, trainer: TrainerConfig | None) -> int:
    """Run the workers of the stage frozen in `folder` and wait for them.

    Returns the exit code. An interrupt reaches the workers too (they share the terminal's process group); the
    planner waits for them to end.
    """
    process = subprocess.Popen(_command(folder, launcher, trainer), env=os.environ | launcher.env)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _command(folder: Path, launcher: LauncherConfig, trainer: TrainerConfig | None) -> list[str]:
    worker = ["-m", "pipeline.worker", str(folder)]
    if trainer is None or trainer.ranks == 1:
        return [sys.executable, *worker]
    if trainer.nodes > 1:
        raise UserError(
            f"trainer.nodes={trainer.nodes}: training on several machines is not supported yet; use trainer.nodes=1"
        )
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={trainer.devices}",
        f"--max-restarts={launcher.max_restarts}",
        *worker,
    ]
