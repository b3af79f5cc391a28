"""Checkpoints and averages in the report: each figure of held-out text over the steps, and a table."""

from collections.abc import Sequence

from eval.checkpoints.points import Point
from eval.reporting.report_plots import Plot, Series, line_plot
from eval.results import Result


def checkpoint_plots(points: Sequence[Point]) -> list[Plot]:
    """One plot for each figure. An average of the last checkpoints stands at the first step that is in it."""
    names = dict.fromkeys((result.name, result.title) for point in points for result in point.results)
    plots = []
    for name, title in names:
        lines = [
            _series(points, name, "checkpoint", "the checkpoint", 1),
            _series(points, name, "average", "the mean from there to the last", 2),
        ]
        plots.append(Plot(title, "validation split", lines, line_plot(f"Checkpoints: {title}", lines)))
    return plots


def checkpoint_rows(points: Sequence[Point]) -> list[tuple[str, Result]]:
    """What was scored, and its first figure, which decides."""
    return [(point.label, point.results[0]) for point in points]


def _series(points: Sequence[Point], name: str, kind: str, label: str, number: int) -> Series:
    found = {
        point.steps[0]: result.value
        for point in points
        if point.kind == kind
        for result in point.results
        if result.name == name
    }
    steps = sorted(found)
    return Series(label, steps, [found[step] for step in steps], True, number)
