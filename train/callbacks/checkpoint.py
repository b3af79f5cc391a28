"""Writes checkpoints, of what has not diverged."""

import pytorch_lightning as pl

from train.callbacks.after_step import AfterStep
from train.module import LanguageModule


class SaveCheckpoints(AfterStep):
    """Every `trainer.checkpoint_every` steps, after the last one, and after the best validation so far where the plan
    looks for it."""

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        checkpoints, progress = self.run.checkpoints, self.progress
        if progress.is_last:
            self.run.divergence.check_end(module.guard, progress.validation_loss)
        checkpoints.after_step()
        if progress.is_last or progress.is_best or progress.is_due(self.run.plan.trainer.checkpoint_every):
            self.save(module)
        if progress.is_last:
            checkpoints.finish()

    def save(self, module: LanguageModule) -> None:
        """Begin to write this step's, unless that was done before."""
        step = self.progress.step
        if self.run.checkpoints.last_step == step:
            return
        self.context.activity.note(f"the checkpoint of step {step:,}")
        state = module.training_state()
        self.run.divergence.check_state(state, step)
        self.run.checkpoints.save(
            state,
            step=step,
            tokens=step * self.run.plan.tokens_per_step,
            validation_loss=self.progress.validation_loss,
            train_loss=self.progress.train_loss,
            running=module.running.memory(module.strategy),
            guard=module.guard.memory(),
            monitor=self.run.best.memory() if self.run.best else {},
        )
