"""What preparing a corpus costs, and how it grows: `python -m tests.bench.scale --dump PATH --copies 1 3 10 30`.

Runs the planner from download to shards on 1, 3, 10, … copies of a MediaWiki dump whose words are changed so that no
two are alike; on its text cut into pages as a web crawl has them; and the phase of decisions on random keys of up to
millions of documents. Prints Markdown: costs per phase, lines fitted to them, and what these say of a whole Wikipedia
and of a Common Crawl snapshot. Fits are to CPU time, which other work on the machine changes less than wall time.
"""

import argparse
import bz2
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_prep.dedup import Keys, decide
from pipeline.config.clean import DeduplicateConfig, NearDuplicatesConfig
from pipeline.formats.documents import read_texts
from tests.bench.dedup import PIECE_DOCUMENTS, write_keys
from tests.bench.projection import print_fits, print_projections
from tests.bench.replicate import concatenate, replicate
from tests.bench.watch import Usage, disk_usage, watch

PIECE_MB = 4
"""Ten pieces and more where the dump is a few tens of MB: enough for two processes."""
WEB_PAGE = 3_300
"""Bytes of text of a web page: 10 TB in 3 billion pages."""
MARKERS = {
    "download": [("*", "all")],
    "clean": [
        ("stats.json", "finish"),
        ("scratch/limits.json", "write"),
        ("scratch/decisions*", "decide"),
        ("scratch/templates.json", "extract"),
        ("scratch/plan.json", "survey"),
        ("log.txt", "prepare"),
    ],
    "tokenizer": [("*", "all")],
    "shards": [("index.json", "finish"), ("scratch/encode", "encode")],
}
"""Of a stage that is being made: files in its folder, and the phase that runs from when they are there."""


@dataclass(frozen=True)
class Run:
    """A pass over an input."""

    kind: str
    """`wiki` or `web`."""
    copies: int
    megabytes: float
    """Of the input, uncompressed."""
    documents: int
    """Compared by `decide`."""
    text: float
    """Megabytes of documents written."""
    phases: dict[str, Usage]
    """By `<stage> <phase>`."""
    disk: int
    """Bytes of all artifacts at the end."""


def run_pipeline(kind: str, copies: int, megabytes: float, store: Path, words: Sequence[str]) -> Run:
    """All data stages through the planner, each watched."""
    phases: dict[str, Usage] = {}
    for stage in MARKERS:
        command = [sys.executable, "-m", "pipeline", f"stage={stage}", "experiment=own", "tracking=none"]
        command += [
            "run.progress=false",
            f"run.artifacts={store}/artifacts",
            f"run.runs={store}/runs",
            *words,
        ]
        for phase, usage in watch(command, store, lambda stage=stage: _phase(store, stage)).items():
            phases[f"{stage} {phase}"] = usage
    clean = next((store / "artifacts/clean").glob("*/stats.json")).parent
    metrics = json.loads((clean / "manifest.json").read_text())["metrics"]
    return Run(
        kind,
        copies,
        megabytes,
        metrics["documents"],
        metrics["megabytes"],
        phases,
        disk_usage(store / "artifacts"),
    )


def _phase(store: Path, stage: str) -> str:
    folders = [path for path in (store / "artifacts" / stage).glob("*") if path.is_dir()]
    if folders:
        for pattern, phase in MARKERS[stage]:
            if any(folders[0].glob(pattern)):
                return phase
    return "start"


def run_wiki(parts: Sequence[Path], copies: int, megabytes: float, folder: Path) -> Iterator[Run]:
    """On so many copies of a dump, and on the text of what is made of them if they are few."""
    dump = folder / f"copies{copies}.xml.bz2"
    concatenate([*parts[: copies + 1], parts[-1]], dump)
    deduplicate = ["clean.deduplicate.documents=near", "clean.deduplicate.paragraphs=true"]
    words = [f"clean.piece_mb={PIECE_MB}", *deduplicate, "corpus=files"]
    with _temporary(folder / "store") as store:
        wiki = [f"corpus.paths=[{dump}]", "corpus.format=mediawiki"]
        yield run_pipeline("wiki", copies, copies * megabytes, store, [*words, *wiki])
        pages = folder / f"copies{copies}.jsonl"
        _write_web_pages(next((store / "artifacts/clean").glob("*/documents")), pages)
    dump.unlink()
    if copies <= 10:
        with _temporary(folder / "store") as store:
            web = [f"corpus.paths=[{pages}]", "clean=web"]
            yield run_pipeline("web", copies, pages.stat().st_size / 1e6, store, [*words, *web])
    pages.unlink()


def _write_web_pages(documents: Path, path: Path) -> None:
    """The documents' text in pieces of whole paragraphs, as JSON lines."""
    with path.open("w") as file:
        for text in read_texts(documents, "train"):
            page: list[str] = []
            for paragraph in text.split("\n\n"):
                page.append(paragraph)
                if sum(map(len, page)) >= WEB_PAGE:
                    file.write(json.dumps({"text": "\n\n".join(page)}) + "\n")
                    page = []


def run_decide(documents: int, folder: Path) -> Usage:
    """The phase of decisions alone, on random keys of so many documents, in a process of its own."""
    with _temporary(folder / "decide") as work:
        for piece in range(documents // PIECE_DOCUMENTS):
            write_keys(work / "keys", piece, _NEAR, paragraphs=4)
        command = [sys.executable, "-m", "tests.bench.scale", "--decide", str(work)]
        return watch(command, work, lambda: "decide")["decide"]


_NEAR = NearDuplicatesConfig(sketch=128)


def _decide(work: Path) -> None:
    config = DeduplicateConfig(documents="near", near=_NEAR, paragraphs=True)
    decide(Keys(work / "keys", len(list((work / "keys").iterdir()))), config, work / "decisions")


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def print_run(run: Run) -> None:
    size = f"{run.megabytes:,.0f} MB, {run.documents:,} documents, {run.text:,.0f} MB of text"
    print(f"\n{run.kind}, {run.copies} copies: {size}; {run.disk / 1e6:,.0f} MB on disk at the end\n")
    print("| phase | wall s | CPU s | largest MB | its private MB | all processes MB | disk MB |")
    print("|---|---|---|---|---|---|---|")
    for name, usage in run.phases.items():
        sizes = (usage.largest, usage.private, usage.all, usage.disk)
        print(
            f"| {name} | {usage.wall:.1f} | {usage.cpu:.1f} | "
            + " | ".join(f"{s / 1e6:,.0f}" for s in sizes)
            + " |"
        )
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--dump", type=Path, help="a MediaWiki dump, .xml.bz2")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 3, 10, 30])
    parser.add_argument("--documents", type=int, nargs="+", default=[100_000, 300_000, 1_000_000, 3_000_000])
    parser.add_argument("--folder", type=Path, help="for what is made on the way; some 20 GB")
    parser.add_argument("--decide", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.decide:
        _decide(args.decide)
        return
    if args.dump is None or sum(copies > 1 for copies in args.copies) < 2 or len(args.documents) < 2:
        parser.error("give --dump, and two sizes at least, of copies above 1, for a line to go through")
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[1]:.1f}")
        parts = replicate(args.dump, max(args.copies), folder / "parts")
        megabytes = len(bz2.decompress(args.dump.read_bytes())) / 1e6
        runs = []
        for copies in args.copies:
            for run in run_wiki(parts, copies, megabytes, folder):
                print_run(run)
                runs.append(run)
        decisions = {documents: run_decide(documents, folder) for documents in args.documents}
    for documents, usage in decisions.items():
        cost = f"{usage.cpu:.0f} s of CPU, {usage.private / 1e6:,.0f} MB, {usage.disk / 1e9:.1f} GB on disk"
        print(f"\ndecide alone, {documents:,} documents: {cost}")
    print_fits(runs, decisions)
    print_projections(runs, decisions)


if __name__ == "__main__":
    main()
