"""The body of a SLURM job, on its first node: `python -m pipeline.launch.slurm.job SETTINGS` builds one stage.

`python -m pipeline.launch.slurm.job SETTINGS PHASE` does one phase of it, or this array task's share of one.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from pipeline.announce import announce
from pipeline.config.launchers.slurm import SlurmLauncher
from pipeline.errors import UserError, exit_on_user_error
from pipeline.launch.attempts import RESTART_CODE, Attempts
from pipeline.launch.building import build, waiting_for_another
from pipeline.launch.commands import check_devices
from pipeline.launch.ranks import SilentEnds
from pipeline.launch.slurm import client as slurm_client
from pipeline.launch.slurm.srun import srun
from pipeline.launch.supervise import Ended, run_command, supervise
from pipeline.launch.units import folders_in_use, shape
from pipeline.launch.watch import Watch
from pipeline.launch.workplace import Workplace, begin, phase_launch
from pipeline.machine import host_name
from pipeline.redaction import redact_tracebacks
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import SCRATCH
from pipeline.store.run_links import link_into_run

KILL_SECONDS = 300
LOST_NODE_SECONDS = 180.0
"""What a shared filesystem may take to free the lock of a node that went down."""
SHARE = (("ID", "0"), ("COUNT", "1"))
"""Which task of how many; a job that is no array does all."""
TASK_ENDED = re.compile(r"srun: error: \S+: tasks? ([\d,-]+): (.*)")


def main(settings: Path, phase: str | None = None) -> int:
    """Build the stage, or do one phase of it, unless the artifact is there. Returns the exit code."""
    redact_tracebacks()
    spec = StageSpec.load(settings)
    with exit_on_user_error():
        check_shape(spec, os.environ)
        if phase is not None:
            return run_phase(spec, phase)
        if spec.trainer and spec.plan and not spec.find():
            spec.refuse_what_will_fail()  # the planner, which only submits, could not look into the artifacts
        waiting = waiting_for_another(spec, announce)
        artifact, reused = build(spec, partial(_start, spec), waiting, LOST_NODE_SECONDS)
        link_into_run(spec.run.folder, spec.stage, artifact)
        announce(f"{spec.stage:<9} | {'reused' if reused else 'done'}: {artifact.folder}")
        settings.unlink(missing_ok=True)  # its environment may hold keys, and nobody needs it any more
    return 0


def run_phase(spec: StageSpec, phase: str) -> int:
    """Do one phase, or this array task's share of it. Returns the exit code.

    All tasks of a phase may work in the folder at once: each writes its own pieces, whole or not at all.
    """
    launch = phase_launch(phase)
    with Workplace(spec.store.root / spec.stage, spec.fingerprint).vacant(LOST_NODE_SECONDS, launch):
        if spec.find():
            announce(f"{spec.stage:<9} | reused")
            return 0
        folder = spec.prepare_folder().resolve()
        begin(folder, launch)
    index, of = (os.environ.get(f"SLURM_ARRAY_TASK_{name}", default) for name, default in SHARE)
    environment = os.environ | spec.launcher.env
    command = srun(
        "pipeline.launch.phase",
        [str(folder), phase, index, of],
        SlurmLauncher.expect(spec.launcher),
        environment,
        folders_in_use(spec.run),
    )
    before = _pieces_done(folder, phase)
    code = subprocess.run(command, env=environment).returncode
    if code != RESTART_CODE:
        return code
    starts = int(os.environ.get("SLURM_RESTART_COUNT", 0)) + 1
    if starts >= spec.launcher.attempts and _pieces_done(folder, phase) == before:
        raise UserError(
            f"{phase} was told to stop before a piece was done, after {starts} starts; give it more time "
            "(launcher.data_time), more cores (launcher.data_cpus), or smaller pieces (clean.piece_mb, shards.shard_mb)"
        )
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    _requeue(f"{array}_{index}" if array else os.environ["SLURM_JOB_ID"], f"{phase} was told to stop")


def _pieces_done(folder: Path, phase: str) -> int:
    """Of a parallel phase, by all of its tasks."""
    return len(list((folder / SCRATCH / phase).glob("*.json")))


def check_shape(spec: StageSpec, environment: Mapping[str, str]) -> None:
    """Raises: UserError: where the job's tasks are not one per device that the trainer asks for."""
    nodes, devices = shape(spec)
    have = int(environment["SLURM_NNODES"]), int(environment["SLURM_NTASKS"])
    if have != (nodes, nodes * devices):
        raise UserError(
            f"stage {spec.stage}: the job has {have[1]} task(s) on {have[0]} node(s), but trainer.nodes={nodes} × "
            f"trainer.devices={devices} needs {nodes * devices} on {nodes}; let launcher.extra leave nodes and "
            "tasks alone, or set the trainer alike"
        )


def _start(spec: StageSpec, folder: Path) -> None:
    job = os.environ["SLURM_JOB_ID"]
    environment = os.environ | {"MASTER_ADDR": host_name(), "MASTER_PORT": str(_free_port())}
    environment |= spec.launcher.env
    if spec.trainer:
        check_devices(spec.trainer, environment)

    def launch(name: str) -> Ended:
        arguments, launcher = [str(folder.resolve()), name], SlurmLauncher.expect(spec.launcher)
        command = srun(
            "pipeline.launch.slurm.task", arguments, launcher, environment, folders_in_use(spec.run)
        )
        watch = Watch(folder, launcher.rank_timeout, announce)
        return run_command(
            command, environment, folder, watch.over, read_error=partial(_note_ends, SilentEnds(folder))
        )

    attempts = Attempts(folder, spec.launcher.attempts, job)
    supervise(folder, launch, attempts, announce, partial(_requeue, job), LOST_NODE_SECONDS)


def _free_port() -> int:
    """Of this node, where rank 0 is."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _note_ends(ends: SilentEnds, line: str) -> None:
    """srun says which tasks ended badly; those that left no word themselves are noted by this."""
    if found := TASK_ENDED.match(line):
        ends.note(_numbers(found[1]), found[2].strip(), time.time())


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
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
