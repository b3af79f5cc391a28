"""Data stages as job arrays on a real SLURM cluster: the same bytes as one process, whatever the number of tasks."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster
from tests.command_line import OWN

pytestmark = pytest.mark.cluster
DUMPS = (
    "wikidump/enwiki-latest-pages-articles1.xml-p10p30302-shortened.xml.bz2",
    "wikidump/enwiktionary-test-pages-articles.xml.bz2",
)


def contents(folder: Path, stage: str) -> dict[str, str]:
    """Hash of each file that the stage has made, but for its log and what says when and where it ran."""
    artifact = folder / "runs/demo" / stage
    outputs = json.loads((artifact / "manifest.json").read_text())["outputs"]
    kept = {
        name for name in outputs if name.startswith(("documents/", "train", "validation", "test", "index"))
    }
    kept |= {"stats.json", "clusters.jsonl"} & set(outputs)
    return {name: hashlib.sha256((artifact / name).read_bytes()).hexdigest() for name in kept}


def test_arrays_of_any_size_make_what_one_process_makes(
    cluster: Cluster, tmp_path: Path, cold_pipeline: Callable, shared_data: Callable
) -> None:
    paths = ",".join(str(shared_data(dump)) for dump in DUMPS)
    words = ["stage=shards", f"corpus.paths=[{paths}]", "clean.piece_mb=1"]
    words += ["clean.deduplicate.documents=near", "clean.deduplicate.paragraphs=true", "shards.shard_mb=1"]
    alone = tmp_path / "alone"
    assert cold_pipeline(alone, *words, base=OWN).returncode == 0
    for tasks in (2, 3):
        folder = tmp_path / f"array{tasks}"
        launching = ("launcher=slurm", "launcher.data_partition=cpu", f"launcher.array={tasks}")
        result = cold_pipeline(folder, *words, *launching, base=OWN)
        assert result.returncode == 0, result.stdout + result.stderr
        rows = {line.split()[0]: line for line in result.stdout.splitlines() if ".log" in line}
        assert f"array of {tasks}" in rows["clean-extract"]
        assert f"array of {tasks}" in rows["shards-encode"]
        for stage in ("clean", "shards"):
            assert contents(folder, stage) == contents(alone, stage)
    assert len(contents(alone, "clean")) > 8
