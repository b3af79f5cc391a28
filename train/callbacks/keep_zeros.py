"""Finds the weights that were pruned, before training changes any."""

import pytorch_lightning as pl

from train.module import LanguageModule
from train.optim.kept_zeros import KeptZeros
from train.training_run import TrainingRun


class KeepZeros(pl.Callback):
    """Has the module keep the zeros of the plan's `keeps_zeros_of`."""

    def __init__(self, run: TrainingRun):
        self._names = run.plan.keeps_zeros_of

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """When the strategy is set up, and before a checkpoint is read: in one a weight may be zero by chance."""
        assert isinstance(pl_module, LanguageModule)
        shares = pl_module.strategy.shares(pl_module.model)
        pl_module.kept_zeros = KeptZeros.of(pl_module.model, self._names, shares)
