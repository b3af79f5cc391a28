"""Ends training where a signal asks for it."""

import pytorch_lightning as pl

from pipeline.errors import Restart
from train.callbacks.after_step import AfterStep
from train.callbacks.checkpoint import SaveCheckpoints
from train.module import LanguageModule
from train.training_run import TrainingRun


class Stop(AfterStep):
    """Writes a checkpoint and ends with `Restart`, where any rank was sent a signal. After the last step there is
    nothing to stop."""

    def __init__(self, run: TrainingRun, checkpoint: SaveCheckpoints):
        super().__init__(run)
        self._checkpoint = checkpoint

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Again: Lightning has put a handler before ours that waits for other ranks.
        self.run.stop.listen()

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self.progress.stop_asked and not self.progress.is_last:
            self._checkpoint.save(module)
            self.run.checkpoints.conclude()
            raise Restart("preempted", self.run.checkpoints.last_step)
