"""`make bench`: speed as ratios, each against a reference measured in the same run, in turns.

Absolute figures move with the machine and with what else it does; the ratios much less. Prints a Markdown table.
"""

import argparse
import os
import platform
from importlib import metadata
from pathlib import Path

from tests.bench.data import bench_clean, bench_shards
from tests.bench.training import bench_decoder, bench_trainer


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("only", nargs="*", default=["trainer", "decoder", "clean", "shards"])
    parser.add_argument("--dump", type=Path, help="a MediaWiki dump (.xml.bz2) for the clean stage")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("torch", "pytorch-lightning", "transformers")
    )
    print(
        f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}, {versions}\n"
    )
    print("| what | ours | reference | ratio |\n|---|---|---|---|")
    benches = {
        "trainer": lambda: bench_trainer(args.rounds),
        "decoder": lambda: bench_decoder(args.rounds),
        "clean": lambda: bench_clean(args.dump),
        "shards": bench_shards,
    }
    for name in args.only:
        for row in benches[name]():
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
