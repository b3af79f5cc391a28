"""By what a fine-tuning is judged while it runs: its loss, what that tells besides, or a metric of the task."""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.config.module_protocols import as_protocol
from pipeline.config.tasks import FinetuneConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import MonitorMemory
from pipeline.formats.direction import BEST, Better
from pipeline.text.counts import counted
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts
from train.finetuning.task import task_of

if TYPE_CHECKING:  # the planner checks names, and needs no torch for that
    from train.finetuning.training import TaskTraining
    from train.guards.monitor import Measure, Monitor


class ScoringModule(Protocol):
    """The module that `pipeline.config.monitor` names."""

    metrics: Callable[[FinetuneConfig, Splits], Mapping[str, Better]]
    """What can be measured of the task's validation examples, and which of two values is the better one."""
    check: Callable[[FinetuneConfig], None]
    """Raises a `UserError` where the metric lacks a package."""
    measure: "Callable[[TaskTraining[Any], TaskFacts, FinetuneConfig, int, Context], Measure]"


def describe_monitor(settings: FinetuneConfig, splits: Splits) -> str:
    """By what checkpoints will be compared, where it is not the loss alone.

    Raises:
        UserError: where the task has no such metric, or what it needs is missing.
    """
    monitor = settings.monitor
    if not monitor.active:
        return ""
    better = _better(settings, splits)
    if monitor.metric not in ("loss", *task_of(settings).loss_figures):
        _scoring(settings).check(settings)
    ends = f", and training ends after {counted(monitor.patience or 0, 'validation')} without a better one"
    return f"the best checkpoint has {BEST[better]} {monitor.metric}{ends if monitor.patience else ''}"


def build_monitor(
    training: "TaskTraining[Any]", facts: TaskFacts, settings: FinetuneConfig, seed: int, context: Context
) -> "Monitor | None":
    """What training is to look at; None where that is the loss alone, until all steps are done.

    Args:
        facts: what task.json says.

    Raises:
        UserError: where the task has no such metric.
    """
    from train.guards.monitor import Monitor

    chosen = settings.monitor
    if not chosen.active:
        return None
    better = _better(settings, training.splits)
    told_by_loss = chosen.metric in ("loss", *task_of(settings).loss_figures)
    measure = None if told_by_loss else _scoring(settings).measure(training, facts, settings, seed, context)
    return Monitor(chosen.metric, better, chosen.patience, measure)


def best_figures(found: MonitorMemory) -> dict[str, float]:
    """For the stage's metrics: the best value, and after which step it was found."""
    if not found or (best := found["best"]) is None:
        return {}
    return {f"best_{found['metric']}": best, "best_step": found["best_step"]}


def _better(settings: FinetuneConfig, splits: Splits) -> Better:
    metric = settings.monitor.metric
    known: dict[str, Better] = {"loss": "lower", **task_of(settings).loss_figures}
    if metric not in known:
        known |= _scoring(settings).metrics(settings, splits)
    if metric not in known:
        raise UserError(
            f"finetune.monitor.metric={metric} is nothing that finetune.task={settings.choice} tells of these "
            f"examples; take one of {', '.join(sorted(known))}"
        )
    return known[metric]


def _scoring(settings: FinetuneConfig) -> ScoringModule:
    return as_protocol(importlib.import_module(settings.monitor.implementation), ScoringModule)
