"""How much a fine-tuning has to do: the tokens of its examples, its steps, and what a token takes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.config.tasks import FinetuneConfig
from train.checkpoints.teacher import flops_with_teacher
from train.data.order import Order
from train.data.steps import count_steps
from train.finetuning.training import TaskTraining
from train.models import flops_per_token


@dataclass(frozen=True)
class Workload:
    """Of the training examples."""

    rows: np.ndarray
    """Tokens of each row; int64 [examples, rows of an example]."""
    tokens_per_example: float
    """In the mean over an epoch."""
    flops_per_token: float | None
    """None where the model does not say."""
    steps: int
    """Optimizer steps."""

    @classmethod
    def of(
        cls, task: TaskTraining[Any], order: Order, settings: FinetuneConfig, parameters: int
    ) -> "Workload":
        """
        Args:
            order: of the examples, which may draw some more often than others.
            parameters: of the model without adapters.

        Raises:
            UserError: as `count_steps`.
        """
        lengths = [len(ids) for ids in task.train.input_ids]
        rows = np.array(lengths).reshape(len(task.train), -1)
        length = float(rows.sum(1)[order.items(np.arange(len(task.train)))].mean())
        mean = math.ceil(sum(lengths) / len(lengths))
        student = flops_per_token(task.base.config, task.target_length, task.base.vocab_size, mean)
        flops = flops_with_teacher(student, settings.distill, "finetune", mean)
        steps = count_steps(settings.trainer, len(task.train), length, parameters, flops)
        return cls(rows, length, flops, steps)
