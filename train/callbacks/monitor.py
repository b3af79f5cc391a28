"""Follows a metric over the validations: tells which is the best one, and ends training when none has been for long."""

import pytorch_lightning as pl
import torch

from pipeline.text.counts import counted
from train.callbacks.after_step import AfterStep
from train.guards.monitor import BestSoFar, Measure, Monitor
from train.module import LanguageModule
from train.training_run import TrainingRun


class FollowMonitor(AfterStep):
    """After each validation. All ranks take the value that rank 0 has found."""

    def __init__(self, run: TrainingRun, monitor: Monitor, best: BestSoFar):
        super().__init__(run)
        self._monitor, self._best = monitor, best

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if (
            self._best.out_of_patience
        ):  # in the run that is gone on from, which was killed before it had its model
            self._end(trainer)

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self.progress.validation_loss is None:
            return
        step, metric = self.progress.step, self._monitor.metric
        value = float(module.strategy.broadcast(self._value(module)))
        self.progress.is_best = self._best.note(step, value)
        self.context.tracker.log({f"monitor/{metric}": value}, step)
        if self.context.rank == 0:
            told = "the best so far" if self.progress.is_best else self._since()
            self.context.log.info(f"step {step:>6,}  {metric} {value:.4f} on validation examples: {told}")
        if self._best.out_of_patience and not self.progress.is_last:
            self._end(trainer)

    def _value(self, module: LanguageModule) -> float:
        metric, loss = self._monitor.metric, self.progress.validation_loss
        if self._monitor.measure is not None:
            return self._measured(self._monitor.measure, module)
        return self.progress.validation_figures[metric] if metric != "loss" else float(loss or 0.0)

    @torch.no_grad()
    def _measured(self, measure: Measure, module: LanguageModule) -> float:
        self.context.activity.note(f"the {self._monitor.metric} after step {self.progress.step:,}")
        module.eval()
        # Texts of many lengths would be compiled anew again and again.
        with torch.compiler.set_stance("force_eager"), module.strategy.gathered(module.model):
            value = measure(module.model, module.strategy)
        module.train()
        return value

    def _since(self) -> str:
        found = self._best.memory()
        if found["best"] is None:
            return "no value so far was finite"
        return f"the best is still {found['best']:.4f}, of step {found['best_step']:,}"

    def _end(self, trainer: pl.Trainer) -> None:
        self.progress.end()
        trainer.should_stop = True
        if self.context.rank == 0:
            found = self._best.memory()
            self.context.log.info(
                f"training ends after step {self.progress.step:,}: {counted(found['stale'], 'validation')} in a row "
                f"brought no better {self._monitor.metric} ({self._since()})"
            )
