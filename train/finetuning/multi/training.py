"""Training of several tasks on one body."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from torch import Tensor

from pipeline.config.data import DataConfig
from pipeline.config.tasks.multi import MultiConfig
from pipeline.formats.tokenizers import tokenizer_hash
from train.data.batches import Examples
from train.data.mixture import Mixture
from train.data.order import Order
from train.finetuning.base_model import BaseModel
from train.finetuning.facts import TaskFacts, TestRow
from train.finetuning.head import save_with_head
from train.finetuning.head_task import head_task
from train.finetuning.head_training import HeadTraining
from train.finetuning.multi.examples import HeadExamples, MultiExamples
from train.finetuning.multi.model import HEADS, MultiModel
from train.finetuning.multi.splits import MultiSplits, PartExample
from train.finetuning.training import TaskTraining
from train.models import as_body


class MultiTraining(TaskTraining[MultiExamples]):
    """Each task's training is made as it would be alone; this one puts their examples and heads together.

    Raises:
        UserError: as each task's.
    """

    def __init__(self, settings: MultiConfig, base: BaseModel, splits: MultiSplits):
        self._settings = settings
        self.parts: dict[str, HeadTraining[Any]] = {}
        for name, own in splits.parts.items():
            section = settings.part(name)
            training = head_task(section.choice).training(section, base, own)
            self.parts[name] = cast(HeadTraining[Any], training)
            base = training.base  # with the tokens that the task has added, such as relate's markers
        super().__init__(base, splits)
        self.train = self._examples({name: part.train for name, part in self.parts.items()})
        self.validation = self._examples({name: part.validation for name, part in self.parts.items()})

    def _examples(self, parts: Mapping[str, Any]) -> MultiExamples:
        return MultiExamples(cast(Mapping[str, HeadExamples], parts))

    def new_model(self) -> MultiModel:
        body = as_body(self.base.load())
        models = {name: part.model_on(body) for name, part in self.parts.items()}
        return MultiModel(models, {name: _targets(part.train) for name, part in self.parts.items()})

    def order(self, seed: int) -> Order:
        sizes = {name: len(part.train) for name, part in self.parts.items()}
        return Mixture(DataConfig(weights=self._settings.weights), sizes, length=1).order(0, 0, seed)

    def validation_parts(self, examples: Examples) -> Mapping[str, Examples]:
        return {name: self.validation.part(name) for name in self.parts}

    def save(self, artifact: Path, state: dict[str, Tensor]) -> None:
        base = self.base
        heads = {
            name: {"task": self._settings.part(name).choice, **part.head_facts()}
            for name, part in self.parts.items()
        }
        facts = {HEADS: heads, "tokenizer": tokenizer_hash(artifact)}
        save_with_head(artifact, state, base.config, base.vocab_size, **facts)

    def description(self) -> TaskFacts:
        """`parts`: what task.json would say of each task alone."""
        return {
            "parts": {
                name: {"task": self._settings.part(name).choice, "base": self.base.name, **part.description()}
                for name, part in self.parts.items()
            }
        }

    def rows(self, examples: Sequence[Any]) -> list[TestRow]:
        """Each with the name of its task, as `part`."""
        found: dict[int, TestRow] = {}
        for name, part in self.parts.items():
            mine = [i for i, each in enumerate(examples) if cast(PartExample, each).part == name]
            rows = part.rows([examples[place].example for place in mine])
            found |= {place: {"part": name, **row} for place, row in zip(mine, rows, strict=True)}
        return [found[place] for place in sorted(found)]

    def counts(self) -> dict[str, int]:
        return {
            f"{name}_{count}": number
            for name, part in self.parts.items()
            for count, number in part.counts().items()
        }

    def warnings(self) -> list[str]:
        return [f"{name}: {warning}" for name, part in self.parts.items() for warning in part.warnings()]

    def shortened_share(self) -> float:
        return max(part.shortened_share() for part in self.parts.values())


def _targets(examples: HeadExamples) -> float:
    """Labels of an example in the mean."""
    indices = np.arange(len(examples))
    return float(examples.target_counts(indices, indices).mean())
