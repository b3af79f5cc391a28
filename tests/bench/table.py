"""Rows of ratios as a Markdown table."""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

Row = tuple[str, str, str, str]
"""What was measured, ours, the reference, and the ratio; a row that is skipped says why in place of the figures."""


def parser(prog: str, description: str | None, parts: Iterable[str]) -> argparse.ArgumentParser:
    """For the command line of a benchmark: naming parts runs those only."""
    names = list(parts)
    made = argparse.ArgumentParser(prog=prog, description=description)
    made.add_argument("only", nargs="*", metavar="part", help=f"some of: {', '.join(names)}")
    made.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="append the figures as a line of JSON, as to docs/benchmarks.jsonl",
    )
    return made


def print_table(
    benches: Mapping[str, Callable[[], Iterable[Row]]],
    only: Sequence[str],
    packages: Iterable[str],
    record: Path | None = None,
) -> None:
    """Run the parts, all where none is named, and print each row as it comes.

    Args:
        record: a file to which a line of JSON is appended at the end: when, of which commit, on what, and the rows.

    Raises:
        SystemExit: where a part is named that there is none of.
    """
    if unknown := sorted(set(only) - set(benches)):
        raise SystemExit(f"no such part: {', '.join(unknown)}; there are: {', '.join(benches)}")
    versions = {"Python": platform.python_version()} | {name: _version(name) for name in packages}
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, {platform.machine()}, {', '.join(map(' '.join, versions.items()))}\n")
    print("| what | ours | reference | ratio |\n|---|---|---|---|")
    found: dict[str, list[Row]] = {}
    for name in only or benches:
        for row in benches[name]():
            print("| " + " | ".join(row) + " |", flush=True)
            found.setdefault(name, []).append(row)
    if record is not None:
        when = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _commit()}
        machine = {"cores": cores, "processor": _processor(), "load": round(os.getloadavg()[2], 1)}
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(when | machine | {"versions": versions, "rows": found}) + "\n")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    """The commit that is checked out, with a plus sign where files differ from it."""
    shown = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def _processor() -> str:
    """The name of the processor, as Linux tells it; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
