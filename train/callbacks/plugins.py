"""Callbacks that users bring: `trainer.callbacks` names modules in the folder `callbacks/` of their packages."""

import pytorch_lightning as pl

from pipeline.config.training import CALLBACKS
from pipeline.errors import UserError
from train.training_run import TrainingRun


def plugin_callbacks(run: TrainingRun) -> list[pl.Callback]:
    """What `build(run)` of each named module gives.

    Raises:
        UserError: where a module cannot be imported, or gives no callback.
    """
    return [_build(name, run) for name in run.plan.trainer.callbacks]


def _build(name: str, run: TrainingRun) -> pl.Callback:
    try:
        module = CALLBACKS.load(name)
    except Exception as error:
        raise UserError(
            f"trainer.callbacks={name}: its module cannot be imported ({type(error).__name__}: {error})"
        ) from error
    if not hasattr(module, "build"):
        raise UserError(
            f"trainer.callbacks={name}: {module.__name__} has no function build(run) that makes the callback"
        )
    callback = module.build(run)
    if not isinstance(callback, pl.Callback):
        raise UserError(
            f"trainer.callbacks={name}: build(run) of {module.__name__} must give a pytorch_lightning.Callback, "
            f"not {type(callback).__name__}"
        )
    return callback
