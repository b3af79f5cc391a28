"""Counts steps, tokens and time for all callbacks after it."""

import pytorch_lightning as pl

from train.data.batches import Batch
from train.training_run import TrainingRun


class CountSteps(pl.Callback):
    """Keeps the run's `Progress`, and tells the supervisor at which step this rank is."""

    def __init__(self, run: TrainingRun):
        self._progress, self._activity = run.progress, run.context.activity
        self._example_tokens = run.plan.example_tokens

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._progress.start(trainer.global_step)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self._activity.note(f"step {self._progress.step + 1:,}")
        self._progress.throughput.batch_starts()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        places = tokens = batch["input_ids"].numel()
        if self._example_tokens is not None:
            tokens = int(self._example_tokens[batch["windows"].cpu().numpy()].sum())
        self._progress.throughput.batch_ends(tokens * trainer.world_size, places * trainer.world_size)
        self._progress.advance(trainer.global_step)
