"""Callbacks that users bring: `trainer.callbacks` names modules in the folder `callbacks/` of their packages."""

from typing import Protocol

import pytorch_lightning as pl

from pipeline.config.training import CALLBACKS
from pipeline.errors import UserError
from train.training_run import TrainingRun


class CallbackModule(Protocol):
    """A module of the folder `callbacks/` of a plugin."""

    @staticmethod
    def build(run: TrainingRun) -> pl.Callback: ...


def plugin_callbacks(run: TrainingRun) -> list[pl.Callback]:
    """What `build(run)` of each named module gives.

    Raises:
        UserError: where a module cannot be imported, or gives no callback.
    """
    return [_build(name, run) for name in run.plan.trainer.callbacks]


def _build(name: str, run: TrainingRun) -> pl.Callback:
    try:
        module = CALLBACKS.load(name, CallbackModule)
    except UserError as error:
        raise UserError(f"trainer.callbacks={name}: {error}") from None
    except Exception as error:
        raise UserError(
            f"trainer.callbacks={name}: its module cannot be imported ({type(error).__name__}: {error})"
        ) from error
    callback: object = module.build(run)
    if not isinstance(callback, pl.Callback):
        raise UserError(
            f"trainer.callbacks={name}: build(run) of its module must give a pytorch_lightning.Callback, "
            f"not {type(callback).__name__}"
        )
    return callback
