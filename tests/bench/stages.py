"""Data preparation: dump to clean text on one core and two, and the writing of shards."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.replicate import concatenate, replicate
from tests.bench.table import Row

COPIES = 120
"""Of the given dump: enough that the seconds it takes to start workers are not what is measured."""
PIECE_MB = 2
"""Small, so that two processes have an equal share of the work to the end."""


def bench_clean(dump: Path | None) -> Iterator[Row]:
    """The clean stage over a dump of some size, pinned to one core and to two."""
    if dump is None:
        yield ("dump to clean text, two cores against one", "skipped", "no --dump PATH", "")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = folder / "large.xml.bz2"
        concatenate(replicate(dump, COPIES, folder / "parts"), large)
        words = ["stage=clean", "experiment=own", "corpus=files", f"corpus.paths=[{large}]"]
        words += ["corpus.format=mediawiki", f"clean.piece_mb={PIECE_MB}"]
        rates = []
        for cores in (1, 2):
            store = folder / f"cores{cores}"
            _planner(store, *words, "stage=download")
            _planner(store, *words, f"clean.workers={cores}", cores=cores)
            manifest = _manifest(store, "clean")
            rates.append(manifest["metrics"]["megabytes"] / manifest["seconds"])
    yield (
        "dump to clean text, two cores against one",
        f"{rates[1]:.2f} MB/s of text",
        f"{rates[0]:.2f} MB/s of text",
        f"{rates[1] / rates[0]:.2f}×",
    )


def bench_shards() -> Iterator[Row]:
    """Tokens per second of the shards stage against tokenizers' own batch encoding of the same text."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name)
        _planner(store, "stage=shards", "experiment=demo", "corpus.max_mb=null")
        ours = _manifest(store, "shards")["metrics"]["tokens_per_second"]
        code = (
            "import sys, time; from pathlib import Path;"
            "from pipeline.formats.documents import read_texts; from pipeline.formats.tokenizers import load_tokenizer;"
            "texts = list(read_texts(Path(sys.argv[1]) / 'documents', 'train'));"
            "tokenizer = load_tokenizer(Path(sys.argv[2])).backend_tokenizer;"
            "tokenizer.encode_batch(texts[:8]); started = time.perf_counter();"
            "count = sum(len(e.ids) for e in tokenizer.encode_batch(texts));"
            "print(count / (time.perf_counter() - started))"
        )
        inputs = [str(next((store / "artifacts" / stage).glob("*-*"))) for stage in ("clean", "tokenizer")]
        found = subprocess.run(
            [sys.executable, "-c", code, *inputs], capture_output=True, text=True, check=True
        )
        reference = float(found.stdout)
    yield (
        "shards stage against tokenizers' encode_batch",
        f"{ours:,.0f} tokens/s",
        f"{reference:,.0f} tokens/s",
        f"{ours / reference:.2f}×",
    )


def _planner(store: Path, *words: str, cores: int = 2) -> None:
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "tracking=none",
        f"run.artifacts={store}/artifacts",
        f"run.runs={store}/runs",
    ]
    available = sorted(os.sched_getaffinity(0))[:cores]
    subprocess.run(
        [*command, *words],
        check=True,
        capture_output=True,
        preexec_fn=lambda: os.sched_setaffinity(0, available),
    )


def _manifest(store: Path, stage: str) -> dict:
    return json.loads(next((store / "artifacts" / stage).glob("*/manifest.json")).read_text())
