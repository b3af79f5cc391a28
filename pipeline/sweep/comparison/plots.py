"""The plots of a comparison: a score with its interval, against what pretraining took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from pipeline.sweep.comparison.outcomes import Pretrained, Score
from pipeline.sweep.plots import INK, LINES, STYLE

MARKERS = "osD^vP"
"""Beside the colours, for who cannot tell these apart."""


@dataclass(frozen=True)
class Point:
    """A score of a pretrained system."""

    pretrained: Pretrained
    score: Score


def by_system(points: Sequence[Point], systems: Sequence[str], baseline: Score | None) -> Figure:
    """The scores of one budget, a row for each system.

    Args:
        baseline: of what needs no model: a dashed line.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 0.7 + 0.32 * len(systems)), layout="constrained")
        axes = figure.add_subplot()
        for point in points:
            place = systems.index(point.pretrained.system)
            axes.errorbar(point.score.value, place, xerr=_ends([point.score]), **_look(place))
        axes.set_yticks(range(len(systems)), [system.replace("_", " ") for system in systems])
        axes.set_ylim(len(systems) - 0.5, -0.5)
        axes.set(xlabel=points[0].score.title)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if baseline is not None:
            axes.axvline(baseline.value, color=INK, linestyle="--", linewidth=1)
    return figure


def against(
    points: Sequence[Point],
    systems: Sequence[str],
    cost: Callable[[Pretrained], float | None],
    unit: str,
    baseline: Score | None,
) -> Figure:
    """The scores against what pretraining took, a line for each system where it has several budgets.

    Args:
        cost: in floating-point operations, or seconds.
        unit: what the axis calls it.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for place, system in enumerate(systems):
            mine = [
                (x, point.score)
                for point in points
                if point.pretrained.system == system and (x := cost(point.pretrained))
            ]
            mine.sort(key=lambda each: each[0])
            # Systems of one budget would hide each other's intervals.
            spread = 1 + 0.02 * (place - len(systems) / 2)
            if mine:
                axes.errorbar(
                    [x * spread for x, _ in mine],
                    [score.value for _, score in mine],
                    yerr=_ends([score for _, score in mine]),
                    elinewidth=1,
                    label=system.replace("_", " "),
                    **_look(place),
                )
        if baseline is not None:
            axes.axhline(baseline.value, color=INK, linestyle="--", linewidth=1, label="without a model")
        axes.set(xlabel=unit, ylabel=points[0].score.title)
        _cost_axis(axes)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def _cost_axis(axes: Axes) -> None:
    """Round numbers; in the logarithm where budgets lie far apart."""
    low, high = axes.get_xlim()
    if low > 0 and high > 3 * low:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _look(place: int) -> dict[str, Any]:
    """Colour and marker of a system."""
    return {"color": LINES[place % len(LINES)], "marker": MARKERS[place % len(MARKERS)], "markersize": 4.5}


def _ends(scores: Sequence[Score]) -> list[list[float]]:
    """How far the intervals reach below the scores and above them, as matplotlib wants it."""
    return [
        [each.value - (each.value if each.low is None else each.low) for each in scores],
        [(each.value if each.high is None else each.high) - each.value for each in scores],
    ]
