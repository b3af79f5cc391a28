"""What a plan makes of addresses in stores."""

import sys
from pathlib import Path

from pipeline.config.data import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.fingerprint import FileHashes, fingerprint


def print_of(tmp_path: Path, *paths: str) -> str:
    """The fingerprint of a download, in a new plan."""
    hashes = FileHashes(tmp_path / "hashes.json")
    return fingerprint("download", 1, DownloadStage(corpus=FilesCorpus(paths=list(paths))), {}, hashes)


def planner(folder: Path, *words: str) -> list[str]:
    places = [f"run.artifacts={folder / 'artifacts'}", f"run.runs={folder / 'runs'}", "run.progress=false"]
    settings = ["experiment=own", "corpus=files", "tracking=none", "clean.workers=1", "shards.workers=1"]
    return [sys.executable, "-m", "pipeline", *settings, *places, *words]
