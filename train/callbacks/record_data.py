"""Writes down what each step reads."""

import json

import pytorch_lightning as pl

from train.data.batches import Batch
from train.training_run import TrainingRun


class RecordData(pl.Callback):
    """One line of `data/rank-<n>.jsonl` per micro-batch: the step and the windows that it saw."""

    def __init__(self, run: TrainingRun):
        self._context, self._progress = run.context, run.progress

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        folder = self._context.folder / "data"
        folder.mkdir(exist_ok=True)
        line = {"step": self._progress.step + 1, "windows": batch["windows"].tolist()}
        with (folder / f"rank-{self._context.rank}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
