"""Scores of a model in training on validation examples: what evaluation would say of them, without intervals.

Fine-tuning finds this module by the name that `pipeline.config.monitor` gives.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from eval.metrics import check_metrics, figures_by_metric
from eval.results import Bootstrap, Result
from eval.tasks import Prediction, TunedModel, task_figures
from pipeline.config.evaluation import DecodeConfig, EvaluateConfig
from pipeline.config.module_protocols import as_protocol
from pipeline.config.tasks import FinetuneConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.direction import Better
from train.finetuning.data import Splits
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.task import task_of
from train.finetuning.training import TaskTraining
from train.models import TrainableModel
from train.strategies.strategy import TrainingStrategy

NO_INTERVALS = Bootstrap(resamples=0, confidence=0.95, seed=0)


class RescoringModule(Protocol):
    """A module of `eval/tasks/` whose predictions can be scored without the model."""

    @staticmethod
    def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]: ...

    @staticmethod
    def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]: ...


def metrics(settings: FinetuneConfig, splits: Splits) -> dict[str, Better]:
    """What can be measured of the task's validation examples, by name, and which of two values is the better one."""
    return {name: figure.better for name, figure in task_figures(settings, splits).items()}


def check(settings: FinetuneConfig) -> None:
    """Raises: UserError: where a package that the metric needs is missing."""
    if task_of(settings).evaluation == "eval.tasks.written_text":
        check_metrics(_config(settings))


def measure(
    training: TaskTraining[Any], facts: TaskFacts, settings: FinetuneConfig, seed: int, context: Context
) -> Callable[[TrainableModel, TrainingStrategy], float]:
    """What scores the model by `finetune.monitor.metric`.

    Where all ranks hold the whole model, each reads its share of the examples; else all read the same ones, since then
    none can go through the model alone.

    Args:
        facts: what task.json says.
    """
    module = as_protocol(importlib.import_module(task_of(settings).evaluation), RescoringModule)
    rows = training.rows(training.splits.validation[: settings.monitor.examples])
    config, metric = _config(settings), settings.monitor.metric
    quiet = context.run.model_copy(update={"progress": False})

    def predict(model: TrainableModel, rows: list[TestRow]) -> list[Prediction]:
        if not rows:
            return []
        with TemporaryDirectory() as folder:  # what evaluation writes besides
            apart = replace(context, folder=Path(folder), run=quiet)
            tuned = TunedModel(
                context.folder,
                task_of(settings),
                facts,
                model,
                training.base.tokenizer,
                config,
                NO_INTERVALS,
                seed,
                apart,
                rows,
            )
            return module.evaluate(tuned)[1]

    def measured(model: TrainableModel, strategy: TrainingStrategy) -> float:
        ranks = strategy.world_size if strategy.replicates else 1
        shares = strategy.gather(predict(model, rows[strategy.global_rank % ranks :: ranks]))
        if not strategy.is_global_zero:
            return 0.0
        predictions = [shares[place % ranks][place // ranks] for place in range(len(rows))]
        results = module.rescore(predictions, config, NO_INTERVALS)
        values = {result.name: result.value for result in results if result.model == "finetune"}
        if metric not in values:
            raise UserError(
                f"finetune.monitor.metric={metric} cannot be told of these validation examples; known: "
                f"{', '.join(sorted(values))}"
            )
        return values[metric]

    return measured


def _config(settings: FinetuneConfig) -> EvaluateConfig:
    """How texts are written, and scored by this metric alone."""
    return EvaluateConfig(
        metrics=[name for name, told in figures_by_metric().items() if settings.monitor.metric in told],
        decode=DecodeConfig(method="greedy", max_new_tokens=settings.monitor.max_new_tokens),
        max_examples=None,
    )
