"""Goes on from the newest undamaged checkpoint."""

import pytorch_lightning as pl
from torch.optim.lr_scheduler import LambdaLR

from train.module import LanguageModule
from train.training_run import TrainingRun


class Resume(pl.Callback):
    """Sets a run back to its newest undamaged checkpoint, before the first step."""

    def __init__(self, run: TrainingRun):
        self._checkpoints, self._batches, self._context = run.checkpoints, run.batches, run.context
        self._best, self._progress = run.best, run.progress
        plan = run.plan
        self._reads_first_weights = plan.preparation is not None or bool(plan.keeps_zeros_of)
        """Whether something asks for the weights that training began with."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before the model gets weights and the data loader starts, and when the ranks can already talk to each
        other."""
        assert isinstance(pl_module, LanguageModule)
        self._found = self._checkpoints.newest_intact()
        if self._found is None:
            return
        self._batches.start = self._found.step
        if not self._reads_first_weights:
            pl_module.await_checkpoint()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LanguageModule)
        if (found := self._found) is None:
            return
        self._checkpoints.load(found, pl_module.training_state())
        pl_module.guard.remember(found.guard)
        pl_module.running.remember(found.running, trainer.strategy)
        self._progress.train_loss = found.train_loss
        if self._best is not None:
            self._best.remember(found.monitor)
        # What `trainer.global_step` reads. Lightning sets it only from a whole checkpoint of its own format.
        trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = (
            found.step
        )
        scheduler = trainer.lr_scheduler_configs[0].scheduler
        assert isinstance(scheduler, LambdaLR)
        scheduler.last_epoch = found.step - 1
        scheduler.step()
        if self._context.rank == 0:
            self._context.log.info(
                f"continuing from step {found.step:,}, written by {found.ranks} × {found.strategy}"
            )
