"""Several callbacks as one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl

HOOKS = tuple(name for name in dir(pl.Callback) if name.startswith("on_") or name in ("setup", "teardown"))


class Together(pl.Callback):
    """Calls one after the other, of each the hooks that it has.

    Lightning would call all hooks of all of them, which around a micro-batch are some eighty calls for nothing.
    """

    def __init__(self, callbacks: Sequence[pl.Callback]):
        for name in HOOKS:
            base = getattr(pl.Callback, name)
            hooks = [getattr(one, name) for one in callbacks if getattr(type(one), name) is not base]
            if hooks:
                setattr(self, name, _in_turn(hooks))


def _in_turn(hooks: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def call(*args: Any, **options: Any) -> None:
        for hook in hooks:
            hook(*args, **options)

    return call
