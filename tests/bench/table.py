"""Rows of ratios as a Markdown table."""

import argparse
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata

Row = tuple[str, str, str, str]
"""What was measured, ours, the reference, and the ratio; a row that is skipped says why in place of the figures."""


def parser(prog: str, description: str | None, parts: Iterable[str]) -> argparse.ArgumentParser:
    """For the command line of a benchmark: naming parts runs those only."""
    names = list(parts)
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument("only", nargs="*", metavar="part", help=f"some of: {', '.join(names)}")
    return made


def print_table(
    benches: Mapping[str, Callable[[], Iterable[Row]]], only: Sequence[str], packages: Iterable[str]
) -> None:
    """Run the parts, all where none is named, and print each row as it comes.

    Raises:
        SystemExit: where a part is named that there is none of.
    """
    if unknown := sorted(set(only) - set(benches)):
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are: {', '.join(benches)}")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, {versions}\n")
    print("| what | ours | reference | ratio |\n|---|---|---|---|")
    for name in only or benches:
        for row in benches[name]():
            print("| " + " | ".join(row) + " |", flush=True)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
