"""The launcher itself: the worker of each stage is a plain subprocess, which lets all others go first."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.errors import UserError
from pipeline.frozen import Frozen
from pipeline.launch.building import build_with
from pipeline.launch.commands import one_process
from pipeline.store.artifacts import Artifact


def build(stages: Sequence[Frozen], announce: Callable[[str], None]) -> Iterator[tuple[Artifact, bool]]:
    for frozen in stages:
        if frozen.ranks > 1:
            raise UserError(f"launcher=polite starts one worker, but {frozen.stage} needs {frozen.ranks}")
        yield build_with(partial(_command, frozen.launcher.niceness), frozen, announce)


def _command(niceness: int, folder: Path, launch: str) -> list[str]:
    return ["nice", f"--adjustment={niceness}", *one_process(folder, launch)]
