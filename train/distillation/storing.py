"""The teacher reads all examples once, before the first step; what it says is kept for every start, and for every
student that learns of the same examples from it."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import Restart
from pipeline.progress import progress
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words
from train.checkpoints.manager import any_rank
from train.data.batches import Examples
from train.distillation.stored import StoredTargets
from train.distillation.teacher import Teacher
from train.models import IGNORE_INDEX
from train.models.top_tokens import TopTokens
from train.module import LanguageModule
from train.preemption import StopRequest


class Storing:
    """The preparation of a training plan (`TrainingPlan.preparation`) that fills the store."""

    def __init__(
        self,
        stored: StoredTargets,
        examples: Examples,
        load: Callable[[], Teacher],
        vocab_size: int,
        temperature: float,
        trainer: TrainerConfig,
    ):
        """
        Args:
            examples: with a row each.
            load: gives the teacher, who is needed only where something is missing.
        """
        self._stored, self._examples, self._load = stored, examples, load
        self._vocab_size, self._temperature = vocab_size, temperature
        self._rows = trainer.global_batch // trainer.ranks // trainer.accumulation

    def __call__(
        self, context: Context, stop: StopRequest, trainer: pl.Trainer, module: LanguageModule
    ) -> None:
        stop.listen()
        stored, strategy = self._stored, trainer.strategy
        found: Any = stored.missing() if trainer.is_global_zero else None
        missing: list[int] = strategy.broadcast(found)
        if not missing:
            return
        if trainer.is_global_zero:
            context.log.info(
                f"the teacher reads {counted(len(self._examples), 'example')} once; what it says of "
                f"{stored.places:,} tokens takes {size_in_words(stored.bytes)} in {stored.folder}"
            )
        teacher, started = self._load(), time.monotonic()
        total, shown = sum(map(stored.places_in, missing)), context.run.progress and trainer.is_global_zero
        with progress("teacher", total, "tokens", enabled=shown) as bar:
            for first in range(0, len(missing), trainer.world_size):
                context.activity.note(f"the teacher's reading, piece {first + 1} of {len(missing)}")
                mine = missing[first : first + trainer.world_size]
                if trainer.global_rank < len(mine):
                    piece = mine[trainer.global_rank]
                    stored.write(piece, self._said(piece, teacher, trainer))
                # Also waits, so that a rank that is ahead finds what the others have written.
                if any_rank(strategy, stop.received):
                    raise Restart("preempted", 0)
                bar.advance(sum(map(stored.places_in, mine)))
        if trainer.is_global_zero:
            context.log.info(f"the teacher has read {total:,} tokens in {time.monotonic() - started:.1f} s")

    @torch.no_grad()
    def _said(self, piece: int, teacher: Teacher, trainer: pl.Trainer) -> np.ndarray:
        """Records of a piece, read in batches as large as those of a step."""
        indices = self._stored.examples_of(piece)
        records = np.empty(self._stored.places_in(piece), self._stored.kind)
        filled = 0
        for part in np.array_split(indices, math.ceil(len(indices) / self._rows)):
            batch = trainer.strategy.batch_to_device(self._examples.collate(part, part))
            with trainer.precision_plugin.forward_context():
                said = teacher.read(
                    batch["input_ids"], batch.get("segments"), self._vocab_size, self._temperature
                )
                top = TopTokens.of(said, batch["labels"].numel(), self._stored.top_k)
            counts = (batch["labels"] != IGNORE_INDEX).flatten()
            here = slice(filled, filled + int(counts.sum()))
            records["tokens"][here] = top.tokens[counts].cpu().numpy()
            records["log_probs"][here] = top.log_probs[counts].cpu().numpy()
            filled = here.stop
        return records
