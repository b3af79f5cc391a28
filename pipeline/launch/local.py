"""Builds stages on this machine: in one process, or with a worker per device under torchrun's agent."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.frozen import Frozen
from pipeline.launch.building import build_with
from pipeline.launch.commands import one_process, torchrun
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[Frozen], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    """Build one stage after the other."""
    return (build_on_this_machine(frozen, announce) for frozen in stages)


def build_on_this_machine(frozen: Frozen, announce: Announce) -> tuple[Artifact, bool]:
    """The stage's artifact, and whether it was there already."""
    return build_with(partial(_command, frozen), frozen, announce)


def _command(frozen: Frozen, folder: Path, launch: str) -> list[str]:
    if frozen.trainer is None or frozen.ranks == 1:
        return one_process(folder, launch)
    return torchrun(folder, launch, frozen.trainer, None)
