"""A sweep's page: one self-contained HTML file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.store.artifacts import Store
from pipeline.sweep.curves import loss_curves
from pipeline.sweep.grid import heat_map, on_the_edge
from pipeline.sweep.jobs import Job
from pipeline.sweep.names import title_of, words_for
from pipeline.sweep.planning import SweepPlan
from pipeline.sweep.plots import key_plot, law_plot, svg
from pipeline.sweep.scaling_law import PowerLaw, fit_power_law
from pipeline.templates import html_templates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Fit:
    """The objective as a power law of one metric."""

    metric: str
    jobs: list[Job]
    """Those that have the metric."""
    law: PowerLaw | None
    """None where there are too few points."""

    @property
    def formula(self) -> str:
        return self.law.formula("L", self.metric) if self.law else f"no fit in {self.metric}"

    @property
    def method(self) -> str:
        if self.law is None:
            return "fewer than three jobs of different size finished"
        floor = "with a floor" if self.law.floor else "without a floor"
        return (
            f"least squares in log L, {floor}, over {len(self.jobs)} points; root mean square error "
            f"{self.law.error:.2%}"
        )


def fit_all(jobs: Sequence[Job], metrics: Sequence[str]) -> list[Fit]:
    """A fit for each metric that some finished job has."""
    fits = []
    for metric in metrics:
        having = [job for job in jobs if job.objective is not None and metric in job.metrics]
        if having:
            law = fit_power_law([job.metrics[metric] for job in having], [job.reached for job in having])
            fits.append(Fit(metric, having, law))
    return fits


def draw(jobs: Sequence[Job], objective: str, fits: Sequence[Fit], store: Store) -> dict[str, "Figure"]:
    """The plots by title, of the finished jobs, the best of which comes first."""
    finished = [job for job in jobs if job.objective is not None]
    if not finished:
        return {}
    goal = (words_for(objective) or objective).capitalize()  # the axes have the key besides
    laws = {
        f"{goal} against {title_of(fit.metric)}": law_plot(fit.metric, fit.jobs, objective, fit.law)
        for fit in fits
    }
    against = {
        f"{goal} against {title_of(key)}": key_plot(key, finished, objective) for key in finished[0].swept
    }
    whole = {
        f"{goal} over both keys": heat_map(finished, objective),
        "Training losses": loss_curves(finished, store),
    }
    return laws | {title: figure for title, figure in whole.items() if figure is not None} | against


def render(plan: SweepPlan, jobs: Sequence[Job], fits: Sequence[Fit], figures: Mapping[str, "Figure"]) -> str:
    """The page. Everything is escaped."""
    best = jobs[0] if jobs[0].objective is not None else None
    finished = [job for job in jobs if job.objective is not None]
    links = {job.run: _link(plan, job) for job in jobs}
    return (
        html_templates(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=plan.run.name,
            settings=plan.settings,
            jobs=jobs,
            best=best,
            keys=list(dict.fromkeys(key for job in jobs for key in job.swept)),
            command=best and plan.to_report(best),
            words_for=words_for,
            plots={title: svg(figure, title) for title, figure in figures.items()},
            fits=fits,
            edges=on_the_edge(finished) if finished else [],
            links=links,
            to_folders=any(link and not link.endswith(".html") for link in links.values()),
            seconds=sum(job.seconds or 0 for job in jobs),
            counts={state: sum(job.state == state for job in jobs) for state in ("finished", "failed")},
        )
    )


def _link(plan: SweepPlan, job: Job) -> str | None:
    """From the sweep's page to the job's report, or to its folder where it has none; None where it has neither."""
    folder = Path(plan.base.runs) / job.run
    report = folder / "report" / "report.html"
    target = report if report.is_file() else folder
    return os.path.relpath(target, plan.folder) if target.exists() else None
