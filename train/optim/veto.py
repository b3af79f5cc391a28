"""Lets a step of any optimizer be called off, or changed, when its gradients are known."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch.optim import Optimizer


class Vetoed(Optimizer):
    """Comes before the optimizer's class.

    Within `step`, because there all strategies meet: Lightning computes the gradients in its closure, DeepSpeed
    calls the optimizer last.
    """

    veto: Callable[[], bool] | None = None
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for the step proper: it may still change gradients."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.veto is None or not self.veto():
            with self.around():
                super().step()
        return loss


def allow_veto(optimizer: Optimizer) -> Vetoed:
    """The optimizer itself, now with `veto`, a function that says whether to leave the weights alone, and `around`."""
    # The class is changed, and not the method `step`: torch and DeepSpeed wrap `step` in ways of their own.
    optimizer.__class__ = _vetoed(type(optimizer))
    assert isinstance(optimizer, Vetoed)
    return optimizer


@cache
def _vetoed(kind: type[Optimizer]) -> type[Optimizer]:
    return type(f"Vetoed{kind.__name__}", (Vetoed, kind), {})
