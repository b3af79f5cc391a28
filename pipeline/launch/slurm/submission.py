"""Submits a pipeline to SLURM: one job per stage, or per phase of one, each after the jobs whose results it reads."""

import hashlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.announce import Announce
from pipeline.config.launchers.slurm import SlurmLauncher
from pipeline.launch.queued_jobs import QueuedJob
from pipeline.launch.slurm import client as slurm_client
from pipeline.launch.slurm.node_share import NodeShare, node_share
from pipeline.launch.slurm.snapshot import snapshot_code
from pipeline.launch.units import Unit, shape, units
from pipeline.redaction import redacted
from pipeline.stage_spec import StageSpec
from pipeline.store.private_files import write_private


def submit(stages: Sequence[StageSpec], announce: Announce) -> list[QueuedJob]:
    """Submit the stages that have no artifact. A job of this user's that is to do the same is joined.

    Raises:
        UserError: where SLURM refuses a job; those submitted before stay.
    """
    run = stages[0].run
    folder = (run.folder / "slurm").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    there = slurm_client.my_jobs()
    jobs: list[QueuedJob] = []
    last: dict[str, str] = {}  # the job that finishes a stage
    for spec in stages:
        parts = units(spec, SlurmLauncher.expect(spec.launcher).array)
        if spec.find():
            announce(f"{spec.stage}: reused")
            if not any(_comment(unit) in there for unit in parts):
                _settings(spec, folder).unlink(missing_ok=True)  # of a job that was cancelled
            continue
        after = [last[name] for name in spec.input_fingerprints if name in last]
        for unit in parts:
            job = _join(unit, after, there, folder) or _submit(unit, after, folder)
            jobs.append(job)
            after = [job.id]
        last[spec.stage] = jobs[-1].id
    return jobs


def _join(unit: Unit, after: list[str], there: dict[str, str], folder: Path) -> QueuedJob | None:
    if not (known := there.get(_comment(unit))):
        return None
    log = slurm_client.log_of(known) or _log(unit, known, folder)
    return QueuedJob(unit, known, _queue(unit.spec), after, log, joined=True)


def _submit(unit: Unit, after: list[str], folder: Path) -> QueuedJob:
    spec = unit.spec
    settings = _settings(spec, folder)
    spec.save(settings)
    script = folder / f"{unit.name}.sbatch"
    text = render(unit, settings, snapshot_code(folder.parent), _share(spec))
    write_private(script, text)
    try:
        job = slurm_client.sbatch(script, after)
    finally:  # SLURM has a copy; this one is for people to read
        write_private(script, redacted(text))
    return QueuedJob(unit, job, _queue(spec), after, _log(unit, job, folder))


def _settings(spec: StageSpec, folder: Path) -> Path:
    """The file from which the jobs of a stage know what to do. The last of them deletes it."""
    return folder / f"{spec.stage}-{spec.fingerprint}.yaml"


def _log(unit: Unit, job: str, folder: Path) -> Path:
    return folder / f"{unit.name}-{job}.log"


def _share(spec: StageSpec) -> NodeShare | None:
    """What to ask for where the settings leave cores or memory open; None leaves them to the cluster."""
    launcher = SlurmLauncher.expect(spec.launcher)
    if not spec.gpus or any(
        line.startswith(("--mem", "--cpus-per", "--exclusive")) for line in launcher.extra
    ):
        return None
    return node_share(_partition(spec), spec.gpus)


def render(unit: Unit, settings: Path, code: Path, share: NodeShare | None = None) -> str:
    """The batch script of a job.

    Args:
        share: of a node, for what the settings leave open.
    """
    launcher = SlurmLauncher.expect(unit.spec.launcher)
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options(unit, settings.parent, share)), ""]
    lines += ["set -e", *(f"module load {shlex.quote(name)}" for name in launcher.modules), *launcher.setup]
    body = [
        sys.executable,
        "-m",
        "pipeline.launch.slurm.job",
        str(settings),
        *([unit.phase.name] if unit.phase else []),
    ]
    lines += [
        f"cd {shlex.quote(str(Path.cwd()))}",
        f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}} PYTHONSAFEPATH=1",
        f"exec {shlex.join(body)}",
        "",
    ]
    return "\n".join(lines)


def options(unit: Unit, folder: Path, share: NodeShare | None = None) -> list[str]:
    """What follows `#SBATCH`."""
    spec = unit.spec
    launcher = SlurmLauncher.expect(spec.launcher)
    trains = spec.trainer is not None
    nodes, tasks = shape(spec)
    cpus = launcher.cpus_per_task if trains else launcher.data_cpus or launcher.cpus_per_task
    mem = launcher.mem
    if share is not None:
        cpus = cpus or max(share.cpus // tasks, 1)
        mem = f"{share.megabytes}M" if mem is None else mem
    given = {
        "job-name": f"{spec.run.name}-{unit.name}",
        "comment": _comment(unit),
        "array": f"0-{unit.tasks - 1}" if unit.tasks > 1 else None,
        "partition": _partition(spec),
        "account": launcher.account,
        "qos": launcher.qos,
        "constraint": launcher.constraint,
        "time": launcher.time if trains else launcher.data_time or launcher.time,
        "nodes": nodes,
        "ntasks-per-node": tasks,
        "cpus-per-task": cpus,
        "gpus-per-node": spec.gpus or None,
        "mem": mem,
        "signal": f"USR1@{launcher.signal_seconds}",
        "open-mode": "append",
        "kill-on-invalid-dep": "yes",
        "output": f'"{_literal(folder)}/{unit.name}-{"%A" if unit.tasks > 1 else "%j"}.log"',
    }
    return [
        "--requeue",
        *(f"--{name}={value}" for name, value in given.items() if value is not None),
        *launcher.extra,
    ]


def _literal(folder: Path) -> str:
    """Where sbatch would take a % for the beginning of a pattern."""
    return str(folder).replace("%", "%%")


def _queue(spec: StageSpec) -> str:
    return _partition(spec) or "default"


def _partition(spec: StageSpec) -> str | None:
    """Stages that can use no GPU go to `data_partition`; training never does."""
    launcher = SlurmLauncher.expect(spec.launcher)
    if spec.trainer is None and not spec.gpus:
        return launcher.data_partition or launcher.partition
    return launcher.partition


def _comment(unit: Unit) -> str:
    """What two jobs for the same artifact in the same store have in common."""
    place = hashlib.sha256(str(Path(unit.spec.run.artifacts).resolve()).encode()).hexdigest()[:8]
    return f"{unit.name}-{unit.spec.fingerprint}-{place}"
