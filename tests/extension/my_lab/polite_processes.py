"""The launcher itself: the worker of each stage is a plain subprocess, which lets all others go first."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.errors import UserError
from pipeline.launch.building import build_with
from pipeline.launch.commands import one_process
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    for spec in stages:
        if spec.ranks > 1:
            raise UserError(f"launcher=polite starts one worker, but {spec.stage} needs {spec.ranks}")
        yield build_with(partial(_command, spec.launcher.niceness), spec, announce)


def _command(niceness: int, folder: Path, launch: str) -> list[str]:
    return ["nice", f"--adjustment={niceness}", *one_process(folder, launch)]
