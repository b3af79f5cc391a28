"""The best validation so far, and whether training is worth going on with."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.formats.checkpoints import MonitorMemory
from pipeline.formats.direction import Better, badness
from train.models import TrainableModel
from train.strategies.strategy import TrainingStrategy

Measure = Callable[[TrainableModel, TrainingStrategy], float]
"""Scores the model as it stands. All ranks ask together; what counts is what rank 0 finds."""


@dataclass(frozen=True)
class Monitor:
    """What is looked at after each validation."""

    metric: str
    """`loss`, a figure that the model tells beside it, or what `measure` finds."""
    better: Better
    patience: int | None
    """Validations without a better value after which training ends."""
    measure: Measure | None = None
    """None takes the value from the validation itself."""


class BestSoFar:
    """What the validations have come to. All ranks are told the same values, and so decide alike."""

    def __init__(self, monitor: Monitor):
        self._monitor = monitor
        self._memory: MonitorMemory = {
            "metric": monitor.metric,
            "better": monitor.better,
            "step": 0,
            "value": None,
            "best": None,
            "best_step": 0,
            "stale": 0,
        }

    def note(self, step: int, value: float) -> bool:
        """Take note of a validation. Returns whether it is the best so far; a value that is not finite never is."""
        memory, finite = self._memory, math.isfinite(value)
        memory["step"], memory["value"] = step, value if finite else None
        best, better = memory["best"], self._monitor.better
        improved = finite and (best is None or badness(better, value) < badness(better, best))
        if improved:
            memory["best"], memory["best_step"], memory["stale"] = value, step, 0
        else:
            memory["stale"] += 1
        return improved

    @property
    def out_of_patience(self) -> bool:
        return self._monitor.patience is not None and self._memory["stale"] >= self._monitor.patience

    def memory(self) -> MonitorMemory:
        """What a checkpoint keeps of it."""
        return self._memory.copy()

    def remember(self, memory: MonitorMemory) -> None:
        self._memory.update(memory)
