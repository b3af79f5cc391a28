"""The base of what happens after each optimizer step."""

from typing import ClassVar

import pytorch_lightning as pl

from train.data.batches import Batch
from train.module import LanguageModule
from train.training_run import TrainingRun


class AfterStep(pl.Callback):
    """Does one thing after an optimizer step, on every rank. Lightning calls its hook after each micro-batch."""

    counts_as_training: ClassVar[bool] = False
    """Whether the time that it takes counts when tokens per second are told."""

    def __init__(self, run: TrainingRun):
        self.run, self.progress, self.context = run, run.progress, run.context

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        assert isinstance(pl_module, LanguageModule)
        if not self.progress.step_ended:
            return
        if self.counts_as_training:
            self.after_step(trainer, pl_module)
            return
        with self.progress.throughput.paused():
            self.after_step(trainer, pl_module)
        self.context.activity.note(f"the end of step {self.progress.step:,}, or the data of the next")

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        raise NotImplementedError
