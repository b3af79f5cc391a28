"""The body of a SLURM job, on its first node: `python -m pipeline.job SETTINGS` builds one frozen stage."""

import os
import re
import socket
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from pipeline import slurm_client
from pipeline.attempts import RESTART_CODE, Attempts
from pipeline.building import build, waiting_for_another
from pipeline.errors import UserError, message_for_user
from pipeline.frozen import Frozen
from pipeline.launchers import check_devices, srun
from pipeline.planner import link_into_run
from pipeline.ranks import host_name, note_silent_end
from pipeline.slurm import folders_in_use, shape
from pipeline.summary import announce
from pipeline.supervise import run_launcher, supervise

KILL_SECONDS = 300
TASK_ENDED = re.compile(r"srun: error: \S+: tasks? ([\d,-]+): (.*)")


def main(settings: Path) -> int:
    """Build the stage, unless it is there. Returns the exit code."""
    frozen = Frozen.load(settings)
    try:
        check_shape(frozen, os.environ)
        artifact, reused = build(frozen, partial(_start, frozen), waiting_for_another(frozen, announce))
        link_into_run(frozen.run, frozen.stage, artifact)
        announce(f"{frozen.stage:<9} | {'reused' if reused else 'done'}: {artifact.folder}")
    except (UserError, OSError, KeyboardInterrupt) as error:
        message = message_for_user(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    return 0


def check_shape(frozen: Frozen, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where the job's tasks are not one per device that the trainer asks for."""
    nodes, devices = shape(frozen)
    have = int(environment["SLURM_NNODES"]), int(environment["SLURM_NTASKS"])
    if have != (nodes, nodes * devices):
        raise UserError(
            f"stage {frozen.stage}: the job has {have[1]} task(s) on {have[0]} node(s), but trainer.nodes={nodes} × "
            f"trainer.devices={devices} needs {nodes * devices} on {nodes}; let launcher.extra leave nodes and "
            "tasks alone, or set the trainer alike"
        )


def _start(frozen: Frozen, folder: Path) -> None:
    job = os.environ["SLURM_JOB_ID"]
    environment = os.environ | {"MASTER_ADDR": host_name(), "MASTER_PORT": str(_free_port())}
    environment |= frozen.launcher.env
    if frozen.trainer:
        check_devices(frozen.trainer, environment)
    command = srun(folder.resolve(), frozen.launcher, environment, folders_in_use(frozen.run))
    launch = partial(run_launcher, command, environment, folder, read_error=partial(_note_ends, folder))
    attempts = Attempts(folder, frozen.launcher.attempts, job)
    supervise(folder, launch, attempts, announce, partial(_requeue, job))


def _free_port() -> int:
    """Of this node, where rank 0 is."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _note_ends(folder: Path, line: str) -> None:
    """srun says which tasks ended badly; those that left no word themselves are noted by this."""
    if found := TASK_ENDED.match(line):
        for rank in _numbers(found[1]):
            note_silent_end(folder, rank, found[2].strip(), time.time())


def _numbers(text: str) -> list[int]:
    """Of `0-2,5`: 0, 1, 2 and 5."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [n for first, _, last in ranges for n in range(int(first), int(last or first) + 1)]


def _requeue(job: str, why: str) -> NoReturn:
    """Give the nodes back and wait in the queue again; a job that SLURM ends by itself is left to it."""
    state, _ = slurm_client.states([job])[job]
    if state != "RUNNING":
        raise UserError(f"{why}; the job is {state}")
    announce(f"{why}; job {job} is queued again")
    slurm_client.requeue(job)
    time.sleep(KILL_SECONDS)  # SLURM ends this process
    sys.exit(RESTART_CODE)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
