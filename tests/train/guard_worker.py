"""Trains on data of which some windows make the gradients NaN: `guard_worker.py FOLDER ACTION STRATEGY BAD_STEPS
WHERE`, on ranks, with the bad steps as in 6,7, and as if on a device that must be waited for where WHERE is apart."""

import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import LossGuardConfig, TrainerConfig
from pipeline.context import Context
from pipeline.errors import Restart, UserError
from pipeline.tracking.tracker import Tracker
from train import host
from train.data.batches import Batch
from train.data.order import SampleOrder
from train.generation.samples import Sampler
from train.loop import FitResult, fit, set_up_process
from train.models import IGNORE_INDEX, LossSum, TrainableModel, build_model
from train.optim.only_rows import OnlyRows
from train.training_plan import TrainingPlan

POISON, VOCAB, LENGTH, BATCH, STEPS, SEED = 49, 50, 12, 4, 16, 7
BAD_STEPS = (6, 7)
"""Counted from 0; in each of them one window, of one rank, is poisoned."""


class Rows:
    """Examples that repeat a few tokens; one window of each bad step holds the poison."""

    def __init__(self, bad_steps: Sequence[int] = BAD_STEPS) -> None:
        self.ids = torch.arange(400 * (LENGTH + 1)).view(400, LENGTH + 1) % 7
        order = SampleOrder(400, SEED)
        for step in bad_steps:
            self.ids[order.items(np.array([step * BATCH + 3]))[0], 5] = POISON

    def __len__(self) -> int:
        return len(self.ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.full(len(indices), LENGTH)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        rows = self.ids[torch.from_numpy(indices)]
        return {"input_ids": rows[:, :-1].contiguous(), "labels": rows[:, 1:].contiguous()}


class Poisoned(TrainableModel):
    """A decoder whose loss is NaN, or so many times itself, where it reads the poison; or its gradient alone."""

    def __init__(self, factor: float = math.nan, steep: bool = False) -> None:
        super().__init__()
        self._factor, self._steep = factor, steep
        torch.manual_seed(0)
        config = DecoderConfig(layers=1, hidden=16, heads=2, mlp=32, context=LENGTH)
        self.decoder = build_model(config, VOCAB)

    @property
    def blocks(self) -> nn.ModuleList:
        return self.decoder.blocks

    def forward(self, input_ids: Tensor, labels: Tensor) -> LossSum:
        labels = labels.masked_fill(labels == POISON, IGNORE_INDEX)
        found = self.decoder(input_ids, labels)
        factor = torch.where((input_ids == POISON).any(), self._factor, 1.0)
        poisoned = found.total * factor
        if self._steep:
            poisoned = poisoned + (found.total - poisoned).detach()
        return LossSum(poisoned, found.tokens)


def train(
    folder: Path,
    action: str,
    strategy: str = "single",
    ranks: int = 1,
    *,
    bad_steps: Sequence[int] = BAD_STEPS,
    validation_steps: Sequence[int] | None = None,
    factor: float = math.nan,
    steep: bool = False,
    guard: dict[str, object] | None = None,
    sampler: Sampler | None = None,
    optim: OptimizerConfig | None = None,
    validates_first: bool = False,
    only_rows: OnlyRows | None = None,
    zeros_of: frozenset[str] = frozenset(),
    **trainer: object,
) -> FitResult:
    """Fit once, in this process, as rank `$RANK` of so many.

    Args:
        validation_steps: validate on other examples, with the poison where they would be these training steps'.
        zeros_of: parameters whose negative weights are set to zero, and stay zero.
    """
    folder.mkdir(exist_ok=True)
    rank = int(os.environ.get("RANK", 0))
    log = logging.getLogger("train.test")
    context = Context(
        folder, {}, Tracker(folder if rank == 0 else None), log, RunConfig(progress=False), rank, ranks
    )
    fields = {
        "steps": STEPS,
        "global_batch": BATCH,
        "devices": ranks,
        "accelerator": "cpu",
        "threads": 1,
        "log_every": 1,
        "checkpoint_every": 2,
        "sample_every": 0,
        "record_data": True,
        "guard": LossGuardConfig(**{"action": action, "patience": len(BAD_STEPS)} | (guard or {})),
    }
    settings = TrainerConfig(**fields | trainer)
    model = Poisoned(factor, steep)
    for name in zeros_of:
        model.get_parameter(name).data.clamp_(min=0)
    plan = TrainingPlan(
        model=model,
        train=Rows(bad_steps),
        validation={} if validation_steps is None else {"": Rows(validation_steps)},
        steps=settings.steps,
        tokens_per_example=LENGTH,
        flops_per_token=1.0,
        optim=optim or AdamWConfig(lr=1e-2),
        schedule=CosineSchedule(),
        trainer=settings,
        strategy=StrategyConfig.choose(strategy),
        seed=SEED,
        on_gpu=set_up_process(settings, SEED),
        decode=lambda ids: " ".join(map(str, ids)),
        sampler=sampler,
        validates_first=validates_first,
        only_rows=only_rows,
        keeps_zeros_of=zeros_of,
    )
    return fit(plan, context)


if __name__ == "__main__":
    if sys.argv[5] == "apart":
        host.HOSTS = frozenset()
    try:
        bad_steps = [int(step) for step in sys.argv[4].split(",")]
        ranks = int(os.environ["WORLD_SIZE"])
        train(Path(sys.argv[1]), sys.argv[2], sys.argv[3], ranks, bad_steps=bad_steps)
    except (Restart, UserError) as ended:
        print(ended)
