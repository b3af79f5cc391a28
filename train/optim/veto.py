"""Lets a step of any optimizer be called off, or changed, when its gradients are known."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from train.host import is_host


class Vetoed(Optimizer):
    """Comes before the optimizer's class.

    Within `step`, because there all strategies meet: Lightning computes the gradients in its closure, DeepSpeed
    calls the optimizer last.

    On a GPU an optimizer that can obeys without a word from the host, which would have to wait until the gradients are
    made. It does so where torch's scaler of gradients would have it skip a step: as its attribute `found_inf` says,
    one for skipped.
    """

    veto: Callable[[], Tensor | None] | None = None
    """Says in a bool scalar whether to leave the weights alone in this step, or with None that they never are."""
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for the step proper: it may still change gradients."""
    found_inf: Tensor | None = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        verdict = None if self.veto is None else self.veto()
        if verdict is not None and not is_host(verdict.device) and reads_found_inf(self):
            self.found_inf = verdict.float()
        elif verdict is not None and verdict:
            return loss
        with self.around():
            super().step()
        return loss


def reads_found_inf(optimizer: Optimizer) -> bool:
    """Whether its step obeys its attribute `found_inf`, as torch's fused ones do."""
    return getattr(optimizer, "_step_supports_amp_scaling", False)


def allow_veto(optimizer: Optimizer) -> Vetoed:
    """The optimizer itself, now with `veto`, a function that says whether to leave the weights alone, and `around`."""
    # The class is changed, and not the method `step`: torch and DeepSpeed wrap `step` in ways of their own.
    optimizer.__class__ = _vetoed(type(optimizer))
    assert isinstance(optimizer, Vetoed)
    return optimizer


@cache
def _vetoed(kind: type[Optimizer]) -> type[Optimizer]:
    return type(f"Vetoed{kind.__name__}", (Vetoed, kind), {})
