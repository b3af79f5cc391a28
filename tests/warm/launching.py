"""`launcher=warm`: the launcher itself. All but the start of the workers is as `launcher=local` does it."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.announce import Announce
from pipeline.launch.attempts import Attempts
from pipeline.launch.building import build as build_stage
from pipeline.launch.building import waiting_for_another
from pipeline.launch.supervise import Ended, supervise
from pipeline.stage_spec import StageSpec
from pipeline.store.artifacts import Artifact
from tests.warm.ranks import start_ranks, wait_for_ranks


def build(stages: Sequence[StageSpec], announce: Announce) -> Iterator[tuple[Artifact, bool]]:
    for spec in stages:
        yield build_stage(spec, partial(_start, spec, announce), waiting_for_another(spec, announce))


def _start(spec: StageSpec, announce: Announce, folder: Path) -> None:
    environment = os.environ | spec.launcher.env

    def launch(name: str) -> Ended:
        ranks = start_ranks(
            environment, [(0, 1, 2)] * spec.ranks, "pipeline.launch.worker", str(folder), name
        )
        return Ended(max(map(abs, wait_for_ranks(ranks))))

    supervise(folder, launch, Attempts(folder, spec.launcher.attempts, None), announce)
