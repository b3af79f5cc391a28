"""Several tasks on one body: each is scored by its own module, and its name stands before those of its results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from eval.results import Bootstrap, Figure, Result
from eval.tasks import Prediction, TunedModel, evaluate_task, rescore_task, task_figures
from pipeline.config.evaluation import EvaluateConfig
from pipeline.config.tasks.multi import MultiConfig
from train.finetuning.data import Splits
from train.finetuning.head_task import head_task
from train.finetuning.multi.model import MultiModel
from train.finetuning.multi.splits import MultiSplits


def evaluate(tuned: TunedModel) -> tuple[list[Result], list[Prediction]]:
    """Score each task on its test examples; `evaluate.max_examples` are shared among the tasks."""
    rows, model = tuned.test_rows(), cast(MultiModel, tuned.model)
    results: list[Result] = []
    predictions: list[Prediction] = []
    for name, facts in tuned.facts["parts"].items():
        own = [row for row in rows if row["part"] == name]
        if not own:
            continue
        with TemporaryDirectory() as folder:  # two of them would write files of the same name
            part = replace(
                tuned,
                task=head_task(facts["task"]),
                facts=facts,
                model=model.part(name),
                rows=own,
                context=replace(tuned.context, folder=Path(folder)),
            )
            found, predicted = evaluate_task(part)
        results += _named(name, found)
        predictions += [cast(Prediction, {**row, "part": name, "task": facts["task"]}) for row in predicted]
    return results, predictions


def figures(settings: MultiConfig, splits: Splits) -> dict[str, Figure]:
    own = cast(MultiSplits, splits).parts
    return {
        f"{name}_{figure}": shown
        for name in settings.parts
        for figure, shown in task_figures(settings.part(name), own[name]).items()
    }


def rescore(rows: Sequence[Prediction], config: EvaluateConfig, bootstrap: Bootstrap) -> list[Result]:
    """The figures of what was predicted before, such as by another run."""
    results: list[Result] = []
    for name in dict.fromkeys(row["part"] for row in cast(Sequence[Mapping[str, Any]], rows)):
        own = [row for row in rows if row.get("part") == name]
        results += _named(name, rescore_task(head_task(str(own[0].get("task"))), own, config, bootstrap))
    return results


def _named(name: str, results: Iterable[Result]) -> list[Result]:
    return [
        replace(
            result,
            name=f"{name}_{result.name}",
            title=f"{result.title or result.name} ({name})",
            headline=result.headline and f"{name}: {result.headline}",
        )
        for result in results
    ]
