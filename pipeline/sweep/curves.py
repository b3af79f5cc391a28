"""The training losses of a sweep's jobs over each other."""

from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.store.artifacts import Store
from pipeline.sweep.jobs import Job
from pipeline.sweep.plots import BEST, INK, STYLE, plain_log_ticks
from pipeline.tracking.tracker import read_metrics

STAGE, LOSS = "pretrain", "train/loss"


def loss_curves(jobs: Sequence[Job], store: Store) -> Figure | None:
    """The losses of pretraining of the finished jobs, best first; None where fewer than two have any.

    The best is drawn over the others, which are pale.
    """
    curves = [points for job in jobs if (points := _points(job, store))]
    if len(curves) < 2:
        return None
    with rc_context(STYLE):
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for number, points in reversed(list(enumerate(curves))):
            label = {0: "best", 1: "others"}.get(number)
            color, opacity = (BEST, 1.0) if number == 0 else (INK, 0.35)
            axes.plot(*zip(*points, strict=True), color=color, alpha=opacity, label=label)
        axes.set(xlabel="step", ylabel="training loss")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if all(loss > 0 for points in curves for _, loss in points):
            axes.set_yscale("log")
            plain_log_ticks(axes)
        axes.margins(x=0.02)
        axes.legend()
    return figure


def _points(job: Job, store: Store) -> list[tuple[float, float]]:
    """(step, loss) as they were logged."""
    artifact = store.find(STAGE, job.fingerprints[STAGE]) if STAGE in job.fingerprints else None
    rows = read_metrics(artifact.folder) if artifact else []
    return [(row["step"], row[LOSS]) for row in rows if isinstance(row.get(LOSS), int | float)]
