"""What grows with the number of ranks: `python -m tests.scale [--ranks 8 64 1024]`.

Plays a start, ten steps, a checkpoint, a resume on as many ranks and on others, and a failure, on each number of ranks.
Prints a table in Markdown of what the first, the second and the last rank do, and fails where something grows
faster than it must.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.scale import checkpoints, failures, steps
from tests.scale.table import HEAD, Figures, Measured, played

RANKS = (8, 64, 256, 1024)
LAYOUTS = {"ddp": False, "fsdp": True}


def measure(numbers: Sequence[int], strategies: Sequence[str] = ("ddp", "fsdp")) -> Iterator[Measured]:
    """Everything on all of these numbers of ranks."""
    for strategy in strategies:
        series = {ranks: _steps(strategy, ranks) for ranks in numbers}
        yield Measured(f"start, 10 steps, save, stop: {strategy}", series)
    for layout, by_rows in LAYOUTS.items():
        saved, resumed, moved = {}, {}, {}
        for ranks in numbers:
            with tempfile.TemporaryDirectory() as name:
                folder, fewer = Path(name), max(ranks // 4, 2)
                saved[ranks] = played(checkpoints.save(folder, ranks, by_rows), ranks)
                resumed[ranks] = played(checkpoints.resume(folder, ranks, ranks, by_rows), ranks)
                moved[ranks] = played(checkpoints.resume(folder, ranks, fewer, not by_rows), fewer)
        # Rank 0 is told every file's sha256 and all ranks where the pieces lie: a few bytes for each rank.
        yield Measured(f"save: {layout}", saved, rest="linear")
        yield Measured(f"resume: {layout}", resumed, rest="linear")
        yield Measured(f"resume on a quarter, under the other: {layout}", moved, rest="linear")
    for what, play in (
        ("all killed, noted, cleared", failures.fail),
        ("told to stop, done", failures.stop),
        ("one look at signs of life", failures.watch),
    ):
        series = {ranks: {"launcher": _alone(play, ranks)} for ranks in numbers}
        yield Measured(what, series, opens="linear", rest="linear")


def _steps(strategy: str, ranks: int) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for who, rank in (("rank 0", 0), ("rank 1", 1), ("last", ranks - 1)):
        with tempfile.TemporaryDirectory() as name:
            found[who] = steps.train(Path(name), strategy, ranks, rank)
    return found


def _alone(play: Callable[[Path, int], Figures], ranks: int) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        return play(Path(name), ranks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="+", default=RANKS)
    numbers = sorted(parser.parse_args().ranks)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    faults: list[str] = []
    print(HEAD, flush=True)
    for measured in measure(numbers):
        print("\n".join(measured.rows()), flush=True)
        faults += measured.faults()
    if faults:
        print("\nThese grow faster than they must:", *faults, sep="\n- ", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
