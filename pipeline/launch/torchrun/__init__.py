"""Builds stages that train on several machines with the planners of all of them; other stages are built by one."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.errors import UserError
from pipeline.launch.attempts import Attempts
from pipeline.launch.building import build as build_stage
from pipeline.launch.local import build_on_this_machine, place_among
from pipeline.launch.supervise import supervise
from pipeline.launch.torchrun.rendezvous import Follower, lead
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    """Build one stage after the other."""
    for number, spec in enumerate(stages):
        if spec.trainer and spec.trainer.nodes > 1:
            follower = Follower(spec, announce)
            yield build_stage(spec, partial(_lead, spec, announce, follower), follower)
        else:
            yield build_on_this_machine(spec, announce, place_among(stages, number))


def _lead(spec: StageSpec, announce: Announce, follower: Follower, folder: Path) -> None:
    if follower.took_part:
        raise UserError("the launch failed; the planner that led it says why")
    attempts = Attempts(folder, spec.launcher.attempts, None)
    with lead(spec, announce, folder) as launch:
        supervise(folder, launch, attempts, announce)
