"""The plots of a sweep's page: the objective against each swept key, and power laws."""

import io
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator, NullFormatter

from pipeline.page_plots import page_style, svg_element
from pipeline.sweep.jobs import Job, as_number
from pipeline.sweep.names import axis_of
from pipeline.sweep.scaling_law import PowerLaw

MOST_LINES = 6
"""Values of a second key that are told apart by lines; with more there are only dots."""
MOST_TICKS = 6
"""With more values than this the axis has round numbers instead of them."""

# The page replaces these by its own colours, which differ between light and dark.
INK, GRID, BEST, TEXT = "#65707c", "#dfe1e0", "#d0713c", "#1b1f24"
LINES = ("#1f6feb", "#1a7f4b", "#8250df", "#0b8a9a", "#9a6700", "#bf3989")
_VARIABLES = {INK: "var(--muted)", GRID: "var(--line)", BEST: "var(--best)", TEXT: "var(--ink)"}
STYLE = {
    **page_style(INK, GRID),
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def key_plot(key: str, jobs: Sequence[Job], objective: str) -> Figure:
    """The objective of the finished jobs, best first, against one key; with two keys a line per value of the other."""
    best = jobs[0]
    others = [other for other in best.swept if other != key]
    groups = {job.swept[others[0]] for job in jobs} if len(others) == 1 else set()
    lines = sorted(groups, key=value_order) if 1 < len(groups) <= MOST_LINES else [None]
    places, numeric = _places([job.swept[key] for job in jobs])
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for number, (color, group) in enumerate(zip(LINES, lines, strict=False)):
            below = len(lines) - 1 - number  # the lower the broader, so that none is hidden by one like it
            members = [job for job in jobs if group is None or job.swept[others[0]] == group]
            points = sorted((places[job.swept[key]], job.reached) for job in members)
            style = "-" if group is not None or not others else "none"
            label = None if group is None else f"{others[0]} = {group}"
            axes.plot(
                *zip(*points, strict=True),
                linestyle=style,
                color=color,
                linewidth=1.6 + 0.9 * below,
                marker="o",
                markersize=4.5 + 1.4 * below,
                label=label,
            )
        axes.plot(places[best.swept[key]], best.reached, "o", color=BEST, markersize=8, label="best")
        if numeric and _spans_decades(list(places.values())):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.08)
        if len(places) <= MOST_TICKS or not numeric:
            axes.set_xticks(list(places.values()), list(places))
        elif axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=all(map(float.is_integer, places.values()))))
        axes.set(xlabel=axis_of(key), ylabel=axis_of(objective))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.legend()
    return figure


def law_plot(metric: str, jobs: Sequence[Job], objective: str, law: PowerLaw | None) -> Figure:
    """The objective against one of the jobs' metrics, both logarithmic, with the law."""
    points = sorted((job.metrics[metric], job.reached) for job in jobs)
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        if law is not None:
            smallest, largest = points[0][0], points[-1][0]
            x = [smallest * (2 * largest / smallest) ** (step / 60) for step in range(61)]
            axes.plot(x, [law(value) for value in x], "--", color=BEST, label=law.formula("L", "x"))
        axes.plot(*zip(*points, strict=True), "o", color=LINES[0], markersize=5)
        axes.set(xlabel=axis_of(metric), ylabel=axis_of(objective), xscale="log", yscale="log")
        if len(points) <= MOST_TICKS:
            axes.set_xticks([x for x, _ in points])
        axes.xaxis.set_major_formatter(EngFormatter(sep="", places=1))
        axes.xaxis.set_minor_formatter(NullFormatter())
        plain_log_ticks(axes)
        if law is not None:
            axes.legend()
    return figure


def png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=150)
    return written.getvalue()


def svg(figure: Figure, title: str) -> Markup:
    """The plot as the page shows it."""
    with rc_context(STYLE):
        return svg_element(figure, title, _VARIABLES)


def _places(values: Sequence[str]) -> tuple[dict[str, float], bool]:
    """Where each value stands on the axis, and whether they are numbers."""
    different = sorted(set(values), key=value_order)
    numbers = {value: number for value in different if (number := as_number(value)) is not None}
    if len(numbers) == len(different):
        return numbers, True
    return {value: float(place) for place, value in enumerate(different)}, False


def value_order(value: str) -> tuple[bool, float, str]:
    """A key that sorts values as numbers, with words behind them."""
    number = as_number(value)
    return number is None, number or 0.0, value


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) >= 8 * min(values)


def plain_log_ticks(axes: Axes) -> None:
    """Losses span less than a decade, and then only minor ticks carry labels."""
    low, high = axes.get_ylim()
    if high < 10 * low:
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
