"""What a plan makes of addresses in stores, and a run of the planner on them."""

from pathlib import Path

from pipeline.config.corpora.files import FilesCorpus
from pipeline.config.stages import DownloadStage
from pipeline.fingerprint import FileHashes, fingerprint
from tests.command_line import run_pipeline

SETTINGS = [
    "experiment=own", "corpus=files", "tracking=none", "run.progress=false", "clean.workers=1", "shards.workers=1",
    "stage=shards", "tokenizer.vocab_size=400", "clean.validation_fraction=0.1", "clean.test_fraction=0.1",
]  # fmt: skip
SENTENCES = [
    f"The {n}th sentence has words about the number {n * 7}, and is as long as it is." for n in range(1000)
]
HALVES = [
    "\n\n".join(" ".join(SENTENCES[i : i + 10]) for i in range(start, start + 500, 10)) for start in (0, 500)
]
"""A corpus of two files, of 50 documents each."""


def print_of(tmp_path: Path, *paths: str) -> str:
    """The fingerprint of a download, in a new plan."""
    hashes = FileHashes(tmp_path / "hashes.json")
    return fingerprint("download", 1, DownloadStage(corpus=FilesCorpus(paths=list(paths))), {}, hashes)


def build_shards(folder: Path, *words: str) -> str:
    """Run the planner up to the shards; what it prints."""
    done = run_pipeline(folder, *words, base=SETTINGS, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
