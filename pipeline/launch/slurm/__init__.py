"""Builds stages as jobs of SLURM, each after those whose results it reads."""

from collections.abc import Iterator, Sequence

from pipeline.announce import Announce
from pipeline.errors import UserError
from pipeline.launch.queued_jobs import JobState, print_jobs, stay
from pipeline.launch.slurm import client as slurm_client
from pipeline.launch.slurm.submission import submit
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    """Submit what is missing, all of it at once, and stay with the jobs where the launcher is to wait."""
    jobs = submit(stages, announce)
    if jobs:
        print_jobs(jobs, "partition")
    if jobs and not stages[0].launcher.waits:
        return
    stay(jobs, _look, "scancel", announce)
    submitted = {job.unit.spec.stage for job in jobs}
    for spec in stages:
        artifact = spec.find()
        if artifact is None:  # it was there when the jobs were submitted
            raise UserError(f"stage {spec.stage}: its artifact is gone; start again to build it anew")
        yield artifact, spec.stage not in submitted


def _look(job: str) -> JobState:
    return job_state(*slurm_client.states([job])[job])


def job_state(name: str, reason: str) -> JobState:
    """What SLURM's name of a state and its reason mean."""
    return JobState(
        name,
        reason if reason != "None" else "",
        over=name in slurm_client.FINAL or name == slurm_client.GONE,
        well=name in ("COMPLETED", slurm_client.GONE),
        routine=reason == "None" and name not in ("PENDING", "RUNNING"),
    )
