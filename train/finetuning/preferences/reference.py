"""Log-probabilities of answers under the model that training begins from: measured once, and kept for every restart.

They are measured through the strategy, so that a model that fits the machines only in parts has a reference, too, and
no second copy of it exists. Adapters are still without effect then: under LoRA that model is the base with them off.
"""

import hashlib
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import Restart
from pipeline.store.markers import NotDone, read_marker, write_marker
from pipeline.text.counts import counted
from train.checkpoints.manager import any_rank
from train.data.batches import PADDING
from train.finetuning.preferences.examples import AnswerExamples
from train.module import LanguageModule
from train.preemption import StopRequest

FOLDER = "reference"
PIECE = 64
"""Examples between two moments at which what is measured is stored."""


class Reference:
    """The preparation of a training plan (`TrainingPlan.preparation`) that gives its examples their reference."""

    def __init__(self, sets: Mapping[str, AnswerExamples], model: nn.Module, trainer: TrainerConfig):
        """
        Args:
            sets: by the names that their files get.
            model: the one that training begins from, before a strategy spreads it.
        """
        self._sets, self._settings = sets, trainer
        weights = _digest(tensor for _, tensor in sorted(model.state_dict().items()))
        self._fingerprints = {
            name: f"{weights} {trainer.precision} {_digest(map(torch.from_numpy, [*e.input_ids, *e.labels]))}"
            for name, e in sets.items()
        }

    def __call__(
        self, context: Context, stop: StopRequest, trainer: pl.Trainer, module: LanguageModule
    ) -> None:
        stop.listen()
        for name, examples in self._sets.items():
            store = _Store(context.scratch / FOLDER / name, self._fingerprints[name], examples)
            stored: Any = store.read() if trainer.is_global_zero else None
            found: np.ndarray = trainer.strategy.broadcast(stored)
            missing = [rows for rows in store.pieces() if np.isnan(found[rows]).any()]
            started = time.monotonic()
            for number, rows in enumerate(missing, 1):
                context.activity.note(f"the reference of {name}, piece {number} of {len(missing)}")
                found[rows] = _measure(
                    examples, np.arange(len(examples))[rows], self._settings, trainer, module
                )
                if trainer.is_global_zero:
                    store.write(rows, found[rows])
                if any_rank(trainer.strategy, stop.received):
                    raise Restart("preempted", 0)
            examples.reference = found.astype(np.float32)
            if missing and trainer.is_global_zero:
                context.log.info(
                    f"reference log-probabilities of {counted(len(examples), f'{name} example')}: {len(missing)} of "
                    f"{counted(len(store.pieces()), 'piece')} measured in {time.monotonic() - started:.1f} s"
                )


class _Store:
    """What of a set is measured, in a file for each piece."""

    def __init__(self, folder: Path, fingerprint: str, examples: AnswerExamples):
        self._folder, self._fingerprint = folder, fingerprint
        self._shape = (len(examples), examples.answers)

    def pieces(self) -> list[slice]:
        return [slice(start, start + PIECE) for start in range(0, self._shape[0], PIECE)]

    def read(self) -> np.ndarray:
        """fp64 [examples, answers]; NaN where nothing is stored, or something that was measured of others."""
        found = np.full(self._shape, math.nan)
        for rows in self.pieces():
            try:
                stored = read_marker(self._file(rows))
            except NotDone:
                continue
            if stored["of"] == self._fingerprint:
                found[rows] = stored["log_probs"]
        return found

    def write(self, rows: slice, log_probs: np.ndarray) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_marker(self._file(rows), {"of": self._fingerprint, "log_probs": log_probs.tolist()})

    def _file(self, rows: slice) -> Path:
        return self._folder / f"{rows.start:08d}.json"


@torch.no_grad()
def _measure(
    examples: AnswerExamples,
    indices: np.ndarray,
    settings: TrainerConfig,
    trainer: pl.Trainer,
    module: LanguageModule,
) -> np.ndarray:
    """fp64 [indices, answers], on every rank: each reads its share, and as many batches as the others."""
    strategy = trainer.strategy
    rank, ranks = trainer.global_rank, trainer.world_size
    size = settings.global_batch // settings.ranks // settings.accumulation
    batches = math.ceil(len(indices) / (ranks * size))
    places = (np.arange(batches * size) * ranks + rank).reshape(batches, size)
    found = torch.zeros(len(indices), examples.answers, dtype=torch.float64, device=strategy.root_device)
    module.eval()
    for row in places:
        there = row < len(indices)
        chosen = np.where(there, indices[np.minimum(row, len(indices) - 1)], PADDING)
        batch = examples.collate(chosen, chosen)
        batch = strategy.batch_to_device(batch)
        with trainer.precision_plugin.forward_context():
            log_probs = module.model(batch["input_ids"], batch["labels"], only_log_probs=True)
        found[torch.from_numpy(row[there])] = log_probs[torch.from_numpy(there)].double()
    module.train()
    return strategy.reduce(found, reduce_op="sum").cpu().numpy()


def _digest(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(str(tensor.shape).encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
