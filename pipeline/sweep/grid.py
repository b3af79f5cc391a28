"""Two swept keys at once: the objective of every pair of values as a heat map, and whether the best lies on an edge."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.sweep.jobs import Job, as_number
from pipeline.sweep.names import axis_of, title_of
from pipeline.sweep.plots import BEST, LINES, STYLE, TEXT, value_order

PALEST, DARKEST = 0.08, 0.55
"""Opacity of the worst and of the best cell, on light pages and dark ones."""


def heat_map(jobs: Sequence[Job], objective: str) -> Figure | None:
    """The objective of finished jobs, best first, over two keys; None where it is no grid of two keys.

    A cell is the darker the better it is, by its rank, since losses of bad values would hide all other differences.
    """
    keys = list(jobs[0].swept)
    if len(keys) != 2:
        return None
    across, up = (sorted({job.swept[key] for job in jobs}, key=value_order) for key in keys)
    if min(len(across), len(up)) < 2 or 2 * len(jobs) <= len(across) * len(up):
        return None  # drawn at random, say: hardly two jobs share a value
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for rank, job in enumerate(jobs):
            x, y = across.index(job.swept[keys[0]]), up.index(job.swept[keys[1]])
            opacity = DARKEST - (DARKEST - PALEST) * rank / max(len(jobs) - 1, 1)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=LINES[0], alpha=opacity))
            axes.annotate(f"{job.reached:#.4g}", (x, y), ha="center", va="center", color=TEXT)
            if rank == 0:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=BEST, linewidth=2.5))
        axes.set_xticks(range(len(across)), across)
        axes.set_yticks(range(len(up)), up)
        axes.set(
            xlim=(-0.52, len(across) - 0.48),
            ylim=(-0.52, len(up) - 0.48),
            xlabel=axis_of(keys[0]),
            ylabel=axis_of(keys[1]),
        )
        axes.grid(False)
    return figure


def on_the_edge(jobs: Sequence[Job]) -> list[str]:
    """A sentence for each key of which the best job, the first, has the smallest or the largest of three values or
    more: a better one may lie beyond."""
    found = []
    for key, value in jobs[0].swept.items():
        numbers = {number for job in jobs if (number := as_number(job.swept[key])) is not None}
        best = as_number(value)
        if best is None or len(numbers) < 3 or best not in (min(numbers), max(numbers)):
            continue
        which, more = ("smallest", "smaller") if best == min(numbers) else ("largest", "larger")
        found.append(
            f"The best job has the {which} {title_of(key)} of all, {value}: {more} ones may be better still."
        )
    return found
