"""Lets a plan measure what its examples need of the model, before training changes it."""

import pytorch_lightning as pl

from train.module import LanguageModule
from train.training_run import TrainingRun


class Prepare(pl.Callback):
    """Calls the plan's preparation, if it has one."""

    def __init__(self, run: TrainingRun):
        self._run = run

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the strategy is set up, and before a checkpoint is read or the data loader starts its workers."""
        if (preparation := self._run.plan.preparation) is not None:
            assert isinstance(pl_module, LanguageModule)
            preparation(self._run.context, self._run.stop, trainer, pl_module)
