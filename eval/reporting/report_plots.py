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
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    FuncFormatter,
    Locator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from numpy.typing import ArrayLike

from pipeline.page_plots import FONT_SIZE, page_style, svg_element

MOST_POINTS = 600
"""A longer line is drawn as the means of so many stretches: a screen shows no more."""
SMOOTHED_FROM = 30
"""Points from which on a noisy line is drawn smoothed, with itself behind it."""
SMOOTHING_SPAN = 0.05
"""Of a line's points, those over which it is averaged."""

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
_SMALL, _LARGE = (3.5, 2.05), (6.6, 4.3)
"""Width and height in inches; the page scales a plot to its own width."""


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
    told: float | None = None
    """What is told beside the label; None tells the last value."""

    @property
    def figure(self) -> float:
        return self.values[-1] if self.told is None else self.told


@dataclass(frozen=True)
class Drawing:
    """A plot, and what a reader who points at it is told."""

    svg: Markup
    points: list[dict[str, object]]
    """Of each line its `label`, the `color` as Series.number has it, and its `points`: x and y in the SVG's units,
    step and value."""
    logarithmic: bool
    large: bool


class Plot(NamedTuple):
    """A figure over the steps of a training."""

    name: str
    unit: str
    lines: list[Series]
    drawing: Drawing | None
    """None where there is nothing to draw."""


def line_plot(
    title: str,
    series: Sequence[Series],
    *,
    tokens_per_step: float | None = None,
    spikes: bool = False,
    log_scale: bool = False,
    smooth: bool = False,
    from_zero: bool = False,
    unit: str = "step",
    large: bool = False,
) -> Drawing | None:
    """The series over the steps, with a second axis in tokens where their number per step is given.

    Which line is which the page tells, by the colours that `Series.number` names.

    Args:
        spikes: the values may jump by orders of magnitude; where they do, the scale is logarithmic.
        log_scale: the scale is logarithmic wherever all values are positive.
        smooth: long lines without marks are drawn as a running mean, and pale as they are.
        unit: of the axis along the training.
        large: drawn over the width of two plots; on a phone, where it gets the width of one, its words are as large
            as theirs.

    Returns:
        None where no series has a point.
    """
    series = [line for line in series if line.steps]
    if not series:
        return None
    # The room for words is that of the phone, where the page shows them so much larger in a large plot.
    size = {"font.size": FONT_SIZE * _LARGE[0] / _SMALL[0]} if large else {}
    with rc_context(_STYLE | size):
        figure = Figure(figsize=_LARGE if large else _SMALL, layout="constrained")
        axes = figure.add_subplot()
        drawn = [_draw(axes, line, smooth) for line in series]
        smallest = min(value for line in series for value in line.values)
        if smallest > 0 and (log_scale or (spikes and _spans_decades(series))):
            axes.set_yscale("log")
        elif from_zero:
            axes.set_ylim(bottom=0)
        _label_axes(axes, unit, tokens_per_step)
        svg = svg_element(figure, title, _VARIABLES)  # and the axes have their place
        points = [_pointed(axes, line, *values) for line, values in zip(series, drawn, strict=True)]
        return Drawing(svg, points, axes.get_yscale() == "log", large)


def compact(value: float, _: object = None) -> str:
    """1,234,567 as 1.2M; small numbers with as many digits as tell them apart."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = 1e3 if unit == "k" else limit
            return f"{value / scale:.3g}{unit}"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        digits, exponent = f"{value:.2e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:.3g}"


def _draw(axes: Axes, line: Series, smooth: bool) -> tuple[list[float], list[float]]:
    """Draw a line; gives the steps and values that are shown."""
    values = line.values
    color = _LINES[line.number - 1]
    if smooth and not line.marked and len(line.steps) >= SMOOTHED_FROM:
        axes.plot(*_thinned(line.steps, values), color=color, alpha=0.3, linewidth=0.9)
        values = smoothed(values)
    steps, values = _thinned(line.steps, values)
    marked = line.marked or len(steps) == 1
    axes.plot(steps, values, color=color, label=line.label, marker="o" if marked else None, markersize=3.5)
    return steps, values


def _pointed(axes: Axes, line: Series, steps: Sequence[float], values: Sequence[float]) -> dict[str, object]:
    """Where each point of a drawn line stands in the SVG, whose units are points (1/72 inch) from the top left."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    pixels = axes.transData.transform(np.column_stack([steps, values])) * 72 / figure.dpi
    height = figure.get_figheight() * 72
    points = [
        [round(float(x), 1), round(height - float(y), 1), round(step), float(f"{value:.4g}")]
        for (x, y), step, value in zip(pixels, steps, values, strict=True)
    ]
    return {"label": line.label, "color": line.number, "points": points}


def _label_axes(axes: Axes, unit: str, tokens_per_step: float | None) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(compact))
    if axes.get_yscale() == "log":
        _label_log_axis(axes)
    else:
        axes.yaxis.set_major_locator(_few_ticks())
    axes.yaxis.set_major_formatter(_DistinctLabels())
    axes.margins(x=0.02)
    axes.set_xlabel(unit)
    if tokens_per_step:

        def to_tokens(steps: ArrayLike) -> np.ndarray:
            return np.multiply(steps, tokens_per_step)

        def to_steps(tokens: ArrayLike) -> np.ndarray:
            return np.divide(tokens, tokens_per_step)

        top = axes.secondary_xaxis("top", functions=(to_tokens, to_steps))
        top.xaxis.set_major_locator(_few_ticks())
        top.xaxis.set_major_formatter(FuncFormatter(compact))
        top.set_xlabel("tokens", labelpad=6)
        top.spines["top"].set_visible(False)


class _DistinctLabels(Formatter):
    """Labels as `compact` writes them; where some would read alike, with as many digits as tell them apart."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return compact(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        labels = [compact(value) for value in values]
        for digits in range(4, 9):
            if len(set(labels)) == len(labels):
                break
            labels = [f"{value:,.{digits}g}" for value in values]
        return labels


def _label_log_axis(axes: Axes) -> None:
    """Round numbers: of a loss, which spans less than a decade, powers of ten would be one at most."""
    axes.yaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    if high < 30 * low:
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(_round_numbers(low, high))


def _round_numbers(low: float, high: float) -> Locator:
    decade = 10.0 ** np.floor(np.log10(low))
    for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)):
        ticks = [decade * power * digit for power in (1, 10, 100) for digit in digits]
        within = [tick for tick in ticks if low <= tick <= high]
        if len(within) >= 4:
            return FixedLocator(within)
    return _few_ticks()


def _few_ticks() -> MaxNLocator:
    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])


def _spans_decades(series: Sequence[Series]) -> bool:
    values = [value for line in series for value in line.values]
    return 0 < 30 * min(values) < max(values)


def smoothed(values: Sequence[float]) -> Sequence[float]:
    """A line without marks as `smooth` draws it."""
    return _running_mean(values) if len(values) >= SMOOTHED_FROM else values


def _running_mean(values: Sequence[float]) -> list[float]:
    """Each value averaged with as many before it as behind it, so that a line that falls is not drawn above itself;
    near the end with those that are left behind it."""
    half, places = round(SMOOTHING_SPAN * len(values) / 2), np.arange(len(values))
    first = np.maximum(places - half, 0)
    behind = np.minimum(places + np.minimum(half, places) + 1, len(values))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: list[float] = ((sums[behind] - sums[first]) / (behind - first)).tolist()
    return means


def _thinned(steps: Sequence[int], values: Sequence[float]) -> tuple[list[float], list[float]]:
    if len(steps) <= MOST_POINTS:
        return list(steps), list(values)
    cuts = [round(i * len(steps) / MOST_POINTS) for i in range(MOST_POINTS + 1)]
    stretches = [slice(start, stop) for start, stop in pairwise(cuts)]
    return [_mean(steps[s]) for s in stretches], [_mean(values[s]) for s in stretches]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
