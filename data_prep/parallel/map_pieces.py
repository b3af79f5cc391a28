"""A parallel phase: a function over pieces, each done once and kept when the stage is killed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from data_prep.parallel.pool import ordered_map
from pipeline.context import Context, P, WorkItem
from pipeline.machine import usable_cores
from pipeline.store.markers import read_marker, write_marker


class PieceTally(TypedDict):
    """What is told of a piece that is done; a phase may tell more."""

    documents: int
    """That were looked at."""


T = TypeVar("T", bound=PieceTally)


def map_pieces(
    function: Callable[[P], T],
    pieces: Sequence[P],
    context: Context,
    phase: str,
    workers: int | None,
    setting: str,
    made: Callable[[P], Iterable[Path]],
    until: Callable[[T], bool] = lambda tally: False,
) -> None:
    """Apply the function to the pieces of this process's share that are not done yet, in several processes.

    Args:
        function: picklable; writes what it makes of the piece, and returns the tally that marks it as done.
        workers: processes; None takes every core that this process may use.
        setting: what sets the number of workers, for the advice in errors.
        made: gives the files that the function may write of a piece; the piece is done as long as they are there.
        until: told each tally in order; True leaves the pieces behind it alone.
    """
    missing = context.missing(phase, pieces)
    count = max(1, min(workers or usable_cores(), len(missing)))
    with (
        context.progress(phase, sum(piece.bytes for piece in missing), "MB", 1e6, "documents") as bar,
        closing(ordered_map(function, missing, count, setting)) as tallies,
    ):
        for piece, tally in zip(missing, tallies, strict=True):
            write_marker(context.marker(phase, piece.number), tally, made(piece))
            bar.advance(piece.bytes, tally["documents"])
            if until(tally):
                return


def read_tallies(context: Context, phase: str, pieces: Sequence[WorkItem]) -> Iterator[Any]:
    """The tallies of a finished phase, in the pieces' order.

    Raises:
        NotDone: where a marker, or what it speaks of, is gone or damaged.
    """
    return (read_marker(context.marker(phase, piece.number)) for piece in pieces)
