"""What all ranks find of each step, and the host hears when it need not wait for it."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from train.guards.loss_guard import STEEP, LossGuard
from train.host import begin_to_read
from train.models import LossSum
from train.preemption import StopRequest
from train.strategies.strategy import TrainingStrategy


class Finding(NamedTuple):
    """Of one step."""

    step: int
    """From 1."""
    stop_asked: bool
    """Whether a signal has asked any rank to stop."""
    judgement: list[float]
    """What `LossGuard.judge` said of it; nothing where the guard is off."""


class StepJudge:
    """Judges steps by the mean loss over all ranks and the gradient norm, in one collective operation a step.

    It stays on the device: the optimizer leaves the weights alone where `judge` says so, and the host reads the
    findings later.
    """

    def __init__(self, guard: LossGuard, stop: StopRequest):
        self.guard, self._stop = guard, stop
        self._sums: Tensor | None = None
        self._findings: deque[tuple[int, Callable[[], list[float]]]] = deque()

    def add(self, loss: LossSum) -> None:
        """Count the loss of a micro-batch of the step."""
        total = loss.total.detach().double()
        sums = torch.stack([total, torch.as_tensor(loss.tokens).to(total)])
        self._sums = sums if self._sums is None else self._sums + sums

    def judge(self, step: int, strategy: TrainingStrategy) -> Tensor | None:
        """Whether the weights are to stay as they are in this step, from 1, whose gradients are there: a bool scalar on
        the device. None where they never are. A collective operation."""
        assert self._sums is not None
        stop = self._sums.new_full((1,), float(self._stop.received))
        total, tokens, stops = strategy.reduce(torch.cat([self._sums, stop]), reduce_op="sum").unbind()
        self._sums = None
        if self.guard.config.action == "off":
            self._findings.append((step, begin_to_read(stops[None])))
            return None
        judgement = self.guard.judge(total / tokens.clamp(min=1.0), strategy.grad_norm())
        self._findings.append((step, begin_to_read(torch.cat([stops[None], judgement]))))
        return None if self.guard.config.action == "warn" else judgement[0] > STEEP

    def findings(self, step: int) -> Iterator[Finding]:
        """Those up to a step that were not read before, one after the other; waits until the device has come so far."""
        while self._findings and self._findings[0][0] <= step:
            number, read = self._findings.popleft()
            stops, *judgement = read()
            yield Finding(number, stops > 0, judgement)
