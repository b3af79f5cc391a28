"""Line plots as inline SVG in the page's own colours and font, so that one file serves light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from pipeline.page_plots import page_style, svg_element

MOST_POINTS = 600
"""A longer line is drawn as the means of so many stretches: a screen shows no more."""

# matplotlib needs colours and the page knows them by name only: these stand in until the SVG is written.
_INK, _GRID = "#010101", "#020202"
_LINES = ("#030303", "#040404", "#050505")
_VARIABLES = {
    _INK: "var(--muted)",
    _GRID: "var(--line)",
    **{color: f"var(--series-{number})" for number, color in enumerate(_LINES, 1)},
}
_STYLE = {
    **page_style(_INK, _GRID),
    "lines.linewidth": 1.7,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
}


@dataclass(frozen=True)
class Series:
    """One line of a plot."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]
    marked: bool = False
    """A dot per point: for lines of few points."""
    number: int = 1
    """Which of the page's colours, from 1."""


class Plot(NamedTuple):
    """A figure over the steps of a training."""

    name: str
    unit: str
    lines: list[Series]
    svg: Markup | None
    """None where there is nothing to draw."""


def line_plot(
    title: str,
    series: Sequence[Series],
    *,
    tokens_per_step: float | None = None,
    spikes: bool = False,
    from_zero: bool = False,
    unit: str = "step",
    width: float = 3.5,
    height: float = 2.05,
) -> Markup | None:
    """The series over the steps, with a second axis in tokens where their number per step is given.

    Which line is which the page tells, by the colours that `Series.number` names.

    Args:
        spikes: the values may jump by orders of magnitude; where they do, the scale is logarithmic.
        unit: of the axis along the training.
        width, height: in inches; the page scales the plot to its own width.

    Returns:
        The SVG element; None where no series has a point.
    """
    series = [line for line in series if line.steps]
    if not series:
        return None
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        for line in series:
            steps, values = _thinned(line.steps, line.values)
            marked = line.marked or len(steps) == 1
            axes.plot(
                steps,
                values,
                color=_LINES[line.number - 1],
                label=line.label,
                marker="o" if marked else None,
                markersize=3.5,
            )
        if spikes and _spans_decades(series):
            axes.set_yscale("log")
        elif from_zero:
            axes.set_ylim(bottom=0)
        _label_axes(axes, unit, tokens_per_step)
        return svg_element(figure, title, _VARIABLES)


def compact(value: float, _: object = None) -> str:
    """1,234,567 as 1.2M; small numbers with as many digits as tell them apart."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if unit == "k" else limit
            return f"{value / scale:.3g}{unit}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


def _label_axes(axes: Axes, unit: str, tokens_per_step: float | None) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(compact))
    axes.yaxis.set_major_formatter(FuncFormatter(compact))
    if axes.get_yscale() == "log":
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.02)
    axes.set_xlabel(unit)
    if tokens_per_step:

        def to_tokens(steps: ArrayLike) -> np.ndarray:
            return np.multiply(steps, tokens_per_step)

        def to_steps(tokens: ArrayLike) -> np.ndarray:
            return np.divide(tokens, tokens_per_step)

        top = axes.secondary_xaxis("top", functions=(to_tokens, to_steps))
        top.xaxis.set_major_locator(MaxNLocator(5))
        top.xaxis.set_major_formatter(FuncFormatter(compact))
        top.set_xlabel("tokens", labelpad=7)  # phones show larger text
        top.spines["top"].set_visible(False)


def _spans_decades(series: Sequence[Series]) -> bool:
    values = [value for line in series for value in line.values]
    return 0 < 30 * min(values) < max(values)


def _thinned(steps: Sequence[int], values: Sequence[float]) -> tuple[list[float], list[float]]:
    if len(steps) <= MOST_POINTS:
        return list(steps), list(values)
    cuts = [round(i * len(steps) / MOST_POINTS) for i in range(MOST_POINTS + 1)]
    stretches = [slice(start, stop) for start, stop in pairwise(cuts)]
    return [_mean(steps[s]) for s in stretches], [_mean(values[s]) for s in stretches]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
