"""A worker as `srun` starts it: `python -m pipeline.slurm_task FOLDER`, one task per device."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from pipeline import worker

# What torchrun would set, and where SLURM says it.
VARIABLES = {
    "RANK": "SLURM_PROCID",
    "LOCAL_RANK": "SLURM_LOCALID",
    "GROUP_RANK": "SLURM_NODEID",
    "WORLD_SIZE": "SLURM_STEP_NUM_TASKS",
}


def set_ranks(environment: MutableMapping[str, str]) -> None:
    """Give a task of `srun` torchrun's variables. MASTER_ADDR and MASTER_PORT come from the job."""
    for name, source in VARIABLES.items():
        environment[name] = environment[source]
    tasks, nodes = (int(environment[f"SLURM_STEP_NUM_{name}"]) for name in ("TASKS", "NODES"))
    environment["LOCAL_WORLD_SIZE"] = str(tasks // nodes)


if __name__ == "__main__":
    set_ranks(os.environ)
    sys.exit(worker.main(Path(sys.argv[1])))
