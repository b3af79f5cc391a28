"""The links in a run's folder, by which its artifacts are found under the names of their stages."""

import os
from pathlib import Path

from pipeline.machine import host_name
from pipeline.store.artifacts import Artifact


def link_into_run(run_folder: Path, stage: str, artifact: Artifact) -> None:
    """Point the run's link at the artifact, relative so that both may be moved or mounted elsewhere together."""
    link = run_folder / stage
    scratch = link.with_name(f".{link.name}.{host_name()}.{os.getpid()}")
    scratch.symlink_to(os.path.relpath(artifact.folder, link.parent), target_is_directory=True)
    scratch.replace(link)
