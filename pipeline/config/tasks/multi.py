"""Several tasks at once, on one body."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import PositiveFloat

from pipeline.config.corpora.mixture import PartName
from pipeline.config.tasks.base import FinetuneConfig, FinetuneDataConfig, HeadTaskConfig

SHARED = ("init", "step", "lora", "batching", "optim", "schedule", "trainer", "monitor")
"""What is set once, for all tasks."""


class MultiConfig(FinetuneConfig):
    """Several tasks with a head each, which learn on one model together."""

    implementation: ClassVar[str] = "train.finetuning.tasks.multi"

    task: Literal["multi"] = "multi"
    """Several tasks at once (classify, tag, extract, relate), with a head each on one model."""
    parts: dict[PartName, HeadTaskConfig] = {}
    """The tasks by name, each with its `task` and that task's keys: {sentiment: {task: classify, data: {train: a.tsv}},
    names: {task: tag, data: {train: b.conll}}}. What a training has once (`init`, `lora`, `batching`, `optim`,
    `schedule`, `trainer`, `monitor`) is set beside them."""
    weights: dict[PartName, PositiveFloat] = {}
    """How many examples of each task are read, in proportion to each other; an example of one counts in the loss as one
    of another. Without weights each example comes once in an epoch."""

    @property
    def data_sections(self) -> list[FinetuneDataConfig]:
        return [part.data for part in self.parts.values()]

    def part(self, name: str) -> HeadTaskConfig:
        """The section of a task, with the longest example that is set for all where it sets none."""
        found = self.parts[name]
        return found.model_copy(update={"max_length": found.max_length or self.max_length})

    def problems(self) -> list[str]:
        found = [problem for problem in super().problems() if not problem.startswith("finetune.data.train ")]
        if len(self.parts) < 2:
            found.append(
                "finetune.parts needs two tasks or more: {a: {task: classify, data: {…}}, b: {task: tag, data: {…}}}"
            )
        if self.data.train is not None:
            found.append(
                "finetune.data is not read: name the files of each task in finetune.parts.<name>.data, and set "
                "finetune.data.train=null where an experiment names some"
            )
        if self.weights and self.weights.keys() != self.parts.keys():
            found.append(
                f"finetune.weights names {', '.join(self.weights)}, and the tasks are {', '.join(self.parts)}; give "
                "each one a weight, or none"
            )
        return [*found, *self._problems_of_parts()]

    def _problems_of_parts(self) -> Iterator[str]:
        for name, part in self.parts.items():
            where = f"finetune.parts.{name}"
            for key in SHARED:
                if getattr(part, key) != type(part).model_fields[key].get_default():
                    yield f"{where}.{key} is shared by all tasks; set finetune.{key}"
            yield from (problem.replace("finetune.", f"{where}.", 1) for problem in part.problems())
            yield from (f"{where}.data: {problem}" for problem in part.data.problems())
