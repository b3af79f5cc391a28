"""A sweep's page: one self-contained HTML file."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.config.sweep import SweepConfig
from pipeline.sweep.jobs import Job
from pipeline.sweep.planning import SweepPlan
from pipeline.sweep.plots import key_plot, law_plot, svg
from pipeline.sweep.scaling_law import fit_power_law

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "report.html.j2"


def draw(jobs: Sequence[Job], settings: SweepConfig) -> dict[str, "Figure"]:
    """The plots by title, of the finished jobs, the best of which comes first."""
    finished = [job for job in jobs if job.objective is not None]
    if not finished:
        return {}
    figures = {}
    for metric, points in _fitted(finished, settings).items():
        law = fit_power_law([job.metrics[metric] for job in points], [job.objective for job in points])
        figures[f"Power law in {metric}"] = law_plot(metric, points, settings.objective, law)
    for key in finished[0].swept:
        figures[key] = key_plot(key, finished, settings.objective, finished[0])
    return figures


def _fitted(finished: Sequence[Job], settings: SweepConfig) -> dict[str, list[Job]]:
    having = {metric: [job for job in finished if metric in job.metrics] for metric in settings.fit}
    return {metric: points for metric, points in having.items() if points}


def render(plan: SweepPlan, jobs: Sequence[Job], figures: Mapping[str, "Figure"]) -> str:
    """The page. Everything is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    best = jobs[0] if jobs[0].objective is not None else None
    return environment.get_template(TEMPLATE).render(
        title=plan.run.name,
        settings=plan.settings,
        jobs=jobs,
        best=best,
        keys=list(dict.fromkeys(key for job in jobs for key in job.swept)),
        command=best and _shown(plan.command(best)),
        plots={title: svg(figure, title) for title, figure in figures.items()},
        laws=laws(jobs, plan.settings),
        seconds=sum(job.seconds or 0 for job in jobs),
        counts={state: sum(job.state == state for job in jobs) for state in ("finished", "failed")},
    )


def laws(jobs: Sequence[Job], settings: SweepConfig) -> list[dict[str, str]]:
    """The fits in words."""
    finished = [job for job in jobs if job.objective is not None]
    told = []
    for metric, points in _fitted(finished, settings).items():
        law = fit_power_law([job.metrics[metric] for job in points], [job.objective for job in points])
        if law is None:
            told.append({"formula": f"no fit in {metric}", "how": "fewer than three sizes"})
            continue
        kind = "with a floor" if law.floor else "without a floor"
        how = f"least squares in log L over {len(points)} points, {kind}; off by {law.error:.2%} (RMS)"
        told.append({"formula": law.formula("L", metric), "how": how})
    return told


def _shown(words: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "pipeline", *(word.removeprefix("++") for word in words)])
