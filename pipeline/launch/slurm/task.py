"""A worker as `srun` starts it: `python -m pipeline.launch.slurm.task FOLDER LAUNCH`, one task per device."""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.launch import worker
from pipeline.launch.loopback import ADDRESS, serve_store, stay_on_loopback

if TYPE_CHECKING:
    from torch.distributed import TCPStore

# What torchrun would set, and where SLURM says it.
VARIABLES = {
    "RANK": "SLURM_PROCID",
    "LOCAL_RANK": "SLURM_LOCALID",
    "GROUP_RANK": "SLURM_NODEID",
    "WORLD_SIZE": "SLURM_STEP_NUM_TASKS",
}


def set_ranks(environment: MutableMapping[str, str]) -> None:
    """Give a task of `srun` torchrun's variables. MASTER_ADDR and MASTER_PORT come from the job.

    On one node all meet on loopback, in a store that rank 0 serves as torchrun's agent would. One that is alone meets
    nobody: a strategy that makes a group of one serves a store itself.
    """
    for name, source in VARIABLES.items():
        environment[name] = environment[source]
    tasks, nodes = (int(environment[f"SLURM_STEP_NUM_{name}"]) for name in ("TASKS", "NODES"))
    environment["LOCAL_WORLD_SIZE"] = str(tasks // nodes)
    if nodes == 1:
        environment["MASTER_ADDR"] = ADDRESS
        stay_on_loopback(environment)
    if nodes == 1 and tasks > 1:
        environment["TORCHELASTIC_USE_AGENT_STORE"] = "True"


def join(environment: MutableMapping[str, str]) -> "TCPStore | None":
    """Take the task's place among the ranks. The store, where this one serves it, lives as long as its object."""
    set_ranks(environment)
    alone = environment["WORLD_SIZE"] == "1"
    if alone or environment["MASTER_ADDR"] != ADDRESS or environment["RANK"] != "0":
        return None
    store, _ = serve_store(int(environment["MASTER_PORT"]))
    return store


if __name__ == "__main__":
    store = join(os.environ)
    sys.exit(worker.main(Path(sys.argv[1]), sys.argv[2]))
