"""Brings one frozen stage up to date: finds its artifact, or builds it under the store's lock."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.errors import UserError
from pipeline.frozen import Frozen
from pipeline.launch.attempts import Attempts
from pipeline.launch.commands import check_devices, one_process, torchrun
from pipeline.launch.supervise import Ended, run_launcher, supervise
from pipeline.launch.torchrun.rendezvous import Follower, lead
from pipeline.launch.watch import Watch
from pipeline.launch.workplace import WORKER_SECONDS, Workplace
from pipeline.store.artifacts import LAUNCH_FILE, Artifact

Announce = Callable[[str], None]


def build_here(frozen: Frozen, announce: Announce) -> tuple[Artifact, bool]:
    """Build with workers on this machine, or together with the planners of other machines."""
    if frozen.launcher.kind == "torchrun" and frozen.trainer and frozen.trainer.nodes > 1:
        follower = Follower(frozen, announce)
        return build(frozen, partial(_lead, frozen, announce, follower), follower)
    return build(frozen, partial(_start, frozen, announce), waiting_for_another(frozen, announce))


def build(
    frozen: Frozen,
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
    if artifact := frozen.find():
        return artifact, True
    try:
        with frozen.store.exclusive(frozen.stage, frozen.fingerprint, waiting):
            with _workplace(frozen).vacant(patience):
                if artifact := frozen.find():  # of another planner, or of workers that outlived theirs
                    return artifact, True
                folder = frozen.prepare()
                # A worker of an earlier launch that comes late finds that this is over.
                (folder / LAUNCH_FILE).unlink(missing_ok=True)
            start(folder)
    except UserError as error:
        raise UserError(f"stage {frozen.stage}: {error}") from error
    if artifact := frozen.find():
        return artifact, False
    raise RuntimeError(f"stage {frozen.stage} ended well and left no artifact")


def _workplace(frozen: Frozen) -> Workplace:
    return Workplace(frozen.store.root / frozen.stage, frozen.fingerprint)


def waiting_for_another(frozen: Frozen, announce: Announce) -> Callable[[], None]:
    """Says once that another process builds the artifact."""
    said = []

    def wait() -> None:
        if not said:
            who = frozen.store.builder(frozen.stage, frozen.fingerprint) or "unknown"
            announce(f"{frozen.stage}: another process ({who}) builds the same artifact; waiting for it")
        said.append(True)

    return wait


def _start(frozen: Frozen, announce: Announce, folder: Path) -> None:
    environment = os.environ | frozen.launcher.env
    if frozen.trainer:
        check_devices(frozen.trainer, environment)

    def launch(name: str) -> Ended:
        alone = frozen.ranks == 1
        command = one_process(folder, name) if alone else torchrun(folder, name, frozen.trainer, None)
        watch = Watch(folder, frozen.launcher.rank_timeout, announce)
        return run_launcher(command, environment, folder, watch.over)

    supervise(folder, launch, Attempts(folder, frozen.launcher.attempts, None), announce)


def _lead(frozen: Frozen, announce: Announce, follower: Follower, folder: Path) -> None:
    if follower.took_part:
        raise UserError("the launch failed; the planner that led it says why")
    attempts = Attempts(folder, frozen.launcher.attempts, None)
    with lead(frozen, announce, folder) as launch:
        supervise(folder, launch, attempts, announce)
