"""A callback that follows the size of the weights."""

import pytorch_lightning as pl
import torch

from train.callbacks.after_step import AfterStep
from train.module import LanguageModule
from train.training_run import TrainingRun


class WeightNorm(AfterStep):
    """Logs the norm of all weights together, every `trainer.log_every` steps."""

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self.progress.is_due(self.run.plan.trainer.log_every):
            norm = torch.nn.utils.get_total_norm(list(module.parameters()))
            self.context.tracker.log({"my_lab/weight_norm": float(norm)}, self.progress.step)


def build(run: TrainingRun) -> pl.Callback:
    return WeightNorm(run)
