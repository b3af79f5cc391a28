"""Submits a pipeline to SLURM: one job per stage, each after the jobs whose artifacts it reads."""

import hashlib
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import slurm_client
from pipeline.config.run import RunConfig, SlurmLauncher
from pipeline.frozen import Frozen
from pipeline.snapshot import snapshot_code


@dataclass(frozen=True)
class Job:
    """A submitted stage."""

    frozen: Frozen
    id: str
    after: list[str]
    log: Path
    joined: bool = False
    """Whether it was there already, queued or running."""


def submit(stages: Sequence[Frozen], announce: Callable[[str], None]) -> list[Job]:
    """Submit the stages that have no artifact. A job of this user's that is to build the same artifact is joined.

    Raises:
        UserError: where SLURM refuses a job; those submitted before stay.
    """
    run = stages[0].run
    folder = (Path(run.runs) / run.name / "slurm").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    there, jobs = slurm_client.my_jobs(), {}
    for frozen in stages:
        if frozen.find():
            announce(f"{frozen.stage}: reused")
            continue
        after = [jobs[name].id for name in frozen.input_fingerprints if name in jobs]
        if known := there.get(_comment(frozen)):
            log = slurm_client.log_of(known) or folder / f"{frozen.stage}-{known}.log"
            jobs[frozen.stage] = Job(frozen, known, after, log, joined=True)
            continue
        settings = folder / f"{frozen.stage}-{frozen.fingerprint}.yaml"
        frozen.save(settings)
        script = folder / f"{frozen.stage}.sbatch"
        script.write_text(render(frozen, settings, snapshot_code(folder.parent)))
        job = slurm_client.sbatch(script, after)
        jobs[frozen.stage] = Job(frozen, job, after, folder / f"{frozen.stage}-{job}.log")
    return list(jobs.values())


def render(frozen: Frozen, settings: Path, code: Path) -> str:
    """The batch script of a stage."""
    launcher = frozen.launcher
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options(frozen, settings.parent)), ""]
    lines += ["set -e", *(f"module load {shlex.quote(name)}" for name in launcher.modules), *launcher.setup]
    lines += [
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1",
        f"exec {shlex.quote(sys.executable)} -m pipeline.job {shlex.quote(str(settings))}",
        "",
    ]
    return "\n".join(lines)


def options(frozen: Frozen, folder: Path) -> list[str]:
    """What follows `#SBATCH`."""
    launcher = frozen.launcher
    trains = frozen.trainer is not None
    nodes, tasks = shape(frozen)
    given = {
        "job-name": f"{frozen.run.name}-{frozen.stage}",
        "comment": _comment(frozen),
        "partition": partition(frozen),
        "account": launcher.account,
        "qos": launcher.qos,
        "constraint": launcher.constraint,
        "time": launcher.time if trains else launcher.data_time or launcher.time,
        "nodes": nodes,
        "ntasks-per-node": tasks,
        "cpus-per-task": launcher.cpus_per_task if trains else launcher.data_cpus or launcher.cpus_per_task,
        "gpus-per-node": frozen.gpus or None,
        "mem": launcher.mem,
        "signal": f"USR1@{launcher.signal_seconds}",
        "open-mode": "append",
        "kill-on-invalid-dep": "yes",
        "output": f'"{folder}/{frozen.stage}-%j.log"',
    }
    return [
        "--requeue",
        *(f"--{name}={value}" for name, value in given.items() if value is not None),
        *launcher.extra,
    ]


def shape(frozen: Frozen) -> tuple[int, int]:
    """Nodes, and tasks on each."""
    return (frozen.trainer.nodes, frozen.trainer.devices) if frozen.trainer else (1, 1)


def partition(frozen: Frozen) -> str | None:
    """Stages that can use no GPU go to `data_partition`; training never does."""
    launcher: SlurmLauncher = frozen.launcher
    if frozen.trainer is None and not frozen.gpus:
        return launcher.data_partition or launcher.partition
    return launcher.partition


def folders_in_use(run: RunConfig) -> list[str]:
    """What a container needs to see."""
    places = {str(Path(place).resolve()) for place in (".", run.artifacts, run.runs)}
    return sorted(places)


def _comment(frozen: Frozen) -> str:
    """What two jobs for the same artifact in the same store have in common."""
    place = hashlib.sha256(str(Path(frozen.run.artifacts).resolve()).encode()).hexdigest()[:8]
    return f"{frozen.stage}-{frozen.fingerprint}-{place}"
