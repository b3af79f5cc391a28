"""Scores of generated texts against references: a module for each that `evaluate.metrics` can name.

A module has `FIGURES`, how each of its results is shown, and `score(texts, config) -> list[Result]`. Scores are
percentages, by the field's reference package where there is one. What readers must know of them besides, it may say as
`SCALE`.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Protocol

from eval.results import Figure, Result, shown
from eval.scoring.generated_texts import GeneratedTexts
from pipeline.config.evaluation import METRICS, EvaluateConfig
from pipeline.packages import check_each


class MetricModule(Protocol):
    """A module of this folder, or of a plugin."""

    FIGURES: Mapping[str, Figure]

    @staticmethod
    def score(texts: GeneratedTexts, config: EvaluateConfig) -> Iterable[Result]: ...


def check_metrics(config: EvaluateConfig) -> str:
    """Let each metric look whether all that it needs is there: a package, a model. Returns their names.

    A module that needs something has `check(config)`.

    Raises:
        UserError: where something is missing, with what to do; packages of all metrics together.
    """
    modules = (METRICS.load(name, MetricModule) for name in config.metrics)
    checks = [module.check for module in modules if hasattr(module, "check")]
    check_each(partial(check, config) for check in checks)
    return ", ".join(config.metrics)


def figures_by_metric() -> dict[str, Mapping[str, Figure]]:
    """What each metric tells, by the metric's name; of those that need no settings of their own."""
    return {
        name: METRICS.load(name, MetricModule).FIGURES
        for name in METRICS.names()
        if not EvaluateConfig.model_construct(metrics=[name]).problems()
    }


def describe_scales(names: Collection[str], config: EvaluateConfig) -> list[str]:
    """What the figures of these names mean, from where to where they go and how high they usually are: a sentence for
    each metric of the settings that says so."""
    modules = [METRICS.load(name, MetricModule) for name in config.metrics]
    found = [module for module in modules if not module.FIGURES.keys().isdisjoint(names)]
    return [module.SCALE for module in found if hasattr(module, "SCALE")]


def score_texts(texts: GeneratedTexts, config: EvaluateConfig) -> list[Result]:
    """The results of the metrics that `config.metrics` names, in that order."""
    results: list[Result] = []
    for name in config.metrics:
        metric = METRICS.load(name, MetricModule)
        results += shown(metric.score(texts, config), metric.FIGURES)
    return results
