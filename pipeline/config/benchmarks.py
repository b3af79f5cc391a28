"""Benchmarks that others know, by lm-evaluation-harness: which tasks, on how many items, with how many examples."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

from pydantic import NonNegativeInt, PositiveInt

from pipeline.config.base import Content, Section
from pipeline.formats.benchmark_files import content_of

PACKAGE = "lm_eval"


class BenchmarkItems(Section):
    """A task, and where its items are."""

    task: Annotated[str, Content(or_name=True)]
    """Name of a task, group or tag of lm-evaluation-harness (`hellaswag`), or path of a yaml file that describes a task
    as the harness has it (`my_task.yaml`)."""
    data: dict[str, list[str]] = {}
    """Local files (jsonl, json, csv or Parquet) of the task's splits, in place of the data set that it names: for tasks
    of your own, and for machines without a network."""

    def environment(self) -> dict[str, str]:
        """The harness's version, and the content of the files that the task is made of."""
        try:
            harness = version(PACKAGE)
        except PackageNotFoundError:
            harness = "absent"
        return {PACKAGE: harness, "files": content_of(self.task, self.data)}


class BenchmarkConfig(BenchmarkItems):
    """A benchmark that models are scored on."""

    fewshot: NonNegativeInt | None = None
    """Solved examples before each item; None takes what the task says, and without a word of it none."""
    limit: PositiveInt | None = None
    """Items scored, from the first; None takes all."""
    max_new_tokens: PositiveInt | None = None
    """Tokens that a task has written at the most; None takes what the task says, or 256."""


def named(benchmarks: Any) -> Any:
    """Lists of benchmarks, where a name alone stands for the task of that name as it is."""
    if isinstance(benchmarks, list):
        return [{"task": each} if isinstance(each, str) else each for each in benchmarks]
    return benchmarks


def repeated(benchmarks: list[BenchmarkConfig]) -> list[str]:
    """What to say of tasks that are named twice."""
    tasks = [each.task for each in benchmarks]
    twice = sorted({task for task in tasks if tasks.count(task) > 1})
    return [f"benchmarks names {task} twice; leave one of them out" for task in twice]
