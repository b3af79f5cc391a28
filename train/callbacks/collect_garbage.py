"""Collects Python's garbage on all ranks at the same steps."""

import gc

import pytorch_lightning as pl

from train.callbacks.after_step import AfterStep
from train.module import LanguageModule


class CollectGarbage(AfterStep):
    """Every `trainer.gc_every` steps, and not in between: else each rank stops for it when it likes, and all the others
    wait for that rank."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        gc.collect()
        gc.freeze()  # what is there now lives as long as training
        gc.disable()

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self.progress.is_due(self.run.plan.trainer.gc_every):
            gc.collect()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        gc.unfreeze()
        gc.enable()
