"""Measures the loss on held-out examples, and what the model tells beside it."""

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from train.callbacks.after_step import AfterStep
from train.data.batches import Batch, ValidationSamples, validation_loader, validation_shares
from train.module import LOSS, LanguageModule, RunningFigures, besides
from train.training_run import TrainingRun


class Validate(AfterStep):
    """Every `trainer.validate_every` steps, and after the last one: of all examples, and of each part of the corpus.
    Before the first step too, where the plan wants to know what training changes."""

    def __init__(self, run: TrainingRun):
        super().__init__(run)
        self._loaders = _loaders(run)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LanguageModule)
        if self._loaders and self.run.plan.validates_first and self.progress.step == 0:
            with self.progress.throughput.paused():
                self._validate(trainer, pl_module)

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        due = self.progress.is_last or self.progress.is_due(self.run.plan.trainer.validate_every)
        if not self._loaders or not due:
            return
        self._validate(trainer, module)

    def _validate(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        step = self.progress.step
        self.context.activity.note(f"the validation after step {step:,}")
        mean, parts, figures = self._measure(trainer, module)
        self.progress.validation_loss, self.progress.validation_figures = mean, figures
        metrics = {f"validation/{name}_loss": loss for name, loss in parts.items()}
        metrics |= {f"validation/{name}": value for name, value in figures.items()}
        self.context.tracker.log({"validation/loss": mean, **metrics}, step)
        if self.context.rank == 0:
            apart = ", ".join(f"{name} {loss:.4f}" for name, loss in parts.items())
            words = f"{mean:.4f} ({apart})" if apart else f"{mean:.4f}"
            told = "".join(f"  {name} {value:.3f}" for name, value in figures.items())
            self.context.log.info(f"step {step:>6,}  validation loss {words}{told}")

    @torch.no_grad()
    def _measure(
        self, trainer: pl.Trainer, module: LanguageModule
    ) -> tuple[float, dict[str, float], dict[str, float]]:
        """The mean loss per token, by part where there are several, and the model's other figures."""
        whole = RunningFigures()
        parts: dict[str, float] = {}
        module.eval()
        for name, batches in self._loaders.items():
            part = RunningFigures()
            for batch in batches:
                batch = trainer.strategy.batch_to_device(batch)
                with trainer.precision_plugin.forward_context():
                    loss = module.loss(batch)
                whole.add(loss)
                part.add(loss)
            if len(self._loaders) > 1:
                parts[name] = part.take(trainer.strategy)[LOSS]
        module.train()
        means = whole.take(trainer.strategy)
        return means[LOSS], parts, besides(means)


def _loaders(run: TrainingRun) -> dict[str, DataLoader[Batch]]:
    """Of each part its share of `trainer.validation_sequences`."""
    parts, trainer, context = run.plan.validation, run.plan.trainer, run.context
    size = trainer.global_batch // trainer.ranks // trainer.accumulation
    shares = validation_shares(parts, trainer.validation_sequences)
    loaders = {}
    for name, examples in parts.items():
        samples = ValidationSamples(examples, shares[name], size, context.rank, context.world_size)
        loaders[name] = validation_loader(samples, pin_memory=run.plan.on_gpu)
    return loaders
