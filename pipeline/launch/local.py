"""Builds stages on this machine: in one process, or with a worker per device under torchrun's agent."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.launch.building import build_with
from pipeline.launch.commands import one_process, torchrun
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    """Build one stage after the other."""
    return (
        build_on_this_machine(spec, announce, place_among(stages, number))
        for number, spec in enumerate(stages)
    )


def build_on_this_machine(spec: StageSpec, announce: Announce, place: str) -> tuple[Artifact, bool]:
    """The stage's artifact, and whether it was there already.

    Args:
        place: among the stages of the run, such as `5/9`, which is told where the stage is built.
    """
    return build_with(partial(_command, spec), spec, announce, place)


def place_among(stages: Sequence[StageSpec], number: int) -> str:
    """Args: number: counted from 0."""
    return f"{number + 1}/{len(stages)}"


def _command(spec: StageSpec, folder: Path, launch: str) -> list[str]:
    if spec.trainer is None or spec.ranks == 1:
        return one_process(folder, launch)
    return torchrun(folder, launch, spec.trainer, None)
