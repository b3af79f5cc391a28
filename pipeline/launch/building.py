"""Brings one stage up to date: finds its artifact, or builds it under the store's lock."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.errors import Stopped, UserError
from pipeline.launch.attempts import Attempts
from pipeline.launch.commands import check_devices
from pipeline.launch.supervise import Ended, run_command, supervise
from pipeline.launch.watch import Watch
from pipeline.launch.workplace import WORKER_SECONDS, Workplace
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import LAUNCH_FILE, Artifact

HEADER_WIDTH = 60


def build(
    spec: StageSpec,
    start: Callable[[Path], None],
    waiting: Callable[[], None],
    patience: float = WORKER_SECONDS,
) -> tuple[Artifact, bool]:
    """The stage's artifact, and whether it was there already.

    Args:
        start: runs the stage in the folder that it is given.
        waiting: called again and again while another process builds the same artifact.
        patience: seconds to wait for workers whose planner was killed.

    Raises:
        UserError: where the stage fails.
    """
    if artifact := spec.find():
        return artifact, True
    try:
        with spec.store.exclusive(spec.stage, spec.fingerprint, waiting):
            with _workplace(spec).vacant(patience):
                if artifact := spec.find():  # of another planner, or of workers that outlived theirs
                    return artifact, True
                folder = spec.prepare_folder()
                # A worker of an earlier launch that comes late finds that this is over.
                (folder / LAUNCH_FILE).unlink(missing_ok=True)
            start(folder)
    except Stopped as stopped:
        raise Stopped(f"{spec.stage} {stopped}") from stopped
    except UserError as error:
        raise UserError(f"stage {spec.stage}: {error}") from error
    if artifact := spec.find():
        return artifact, False
    raise RuntimeError(f"stage {spec.stage} ended well and left no artifact")


def _workplace(spec: StageSpec) -> Workplace:
    return Workplace(spec.store.root / spec.stage, spec.fingerprint)


def waiting_for_another(spec: StageSpec, announce: Announce) -> Callable[[], None]:
    """Says once that another process builds the artifact."""
    said: list[bool] = []

    def wait() -> None:
        if not said:
            who = spec.store.builder(spec.stage, spec.fingerprint) or "unknown"
            announce(f"{spec.stage}: another process ({who}) builds the same artifact; waiting for it")
        said.append(True)

    return wait


def build_with(
    command: Callable[[Path, str], Sequence[str]], spec: StageSpec, announce: Announce, place: str = ""
) -> tuple[Artifact, bool]:
    """Build with workers that a command starts on this machine, and stays with to their end.

    Args:
        command: gives its words, for the folder to build in and the launch's id.
        place: of the stage in its run, for a line above what it says; empty where it has none.

    Raises:
        UserError: where the stage fails.
    """
    return build(spec, partial(_start, command, spec, announce, place), waiting_for_another(spec, announce))


def _start(
    command: Callable[[Path, str], Sequence[str]],
    spec: StageSpec,
    announce: Announce,
    place: str,
    folder: Path,
) -> None:
    if place:
        announce(f"── {place} {spec.stage} " + "─" * (HEADER_WIDTH - len(place) - len(spec.stage)))
    environment = os.environ | spec.launcher.env
    if spec.trainer:
        check_devices(spec.trainer, environment)

    def launch(name: str) -> Ended:
        watch = Watch(folder, spec.launcher.rank_timeout, announce)
        return run_command(command(folder, name), environment, folder, watch.over)

    supervise(folder, launch, Attempts(folder, spec.launcher.attempts, None), announce)
