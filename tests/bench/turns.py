"""The pretrain stage's loop and a bare one over the same model and batches, in turns within one process."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.tracking.tracker import Tracker
from train.data.batches import TokenWindows
from train.loop import fit, set_up_process
from train.models import TrainableModel
from train.optim import build_optimizer
from train.optim.scheduler import build_scheduler
from train.products import torchs_own_products
from train.training_plan import TrainingPlan

VOCAB, LENGTH = 4096, 256


class Turns:
    """Times the Trainer's steps from forward to forward, and another loop's step between two of them."""

    def __init__(self, other: Callable[[], None], clock: Callable[[], float]):
        self._other, self._clock = other, clock
        self._started: float | None = None
        self.ours: list[float] = []
        self.other: list[float] = []

    def next(self) -> None:
        now = self._clock()
        if self._started is not None:
            self.ours.append(now - self._started)
            self._other()
            self.other.append(self._clock() - now)
        self._started = self._clock()


def train_in_turns(
    folder: Path,
    make_model: Callable[[], TrainableModel],
    batch: int,
    steps: int,
    clock: Callable[[], float],
    reference: Callable[[TokenWindows], Callable[[], None]] | None = None,
    **trainer: object,
) -> Turns:
    """Seconds of each step, by a clock, of the stage's loop and of another.

    Args:
        batch: windows of `LENGTH` random tokens in a step.
        reference: from the windows makes the other's step; by default a bare loop of the same model.
        trainer: further settings of ours.
    """
    fields = {"validate_every": 0, "checkpoint_every": 0, "sample_every": 0, "log_every": 10}
    settings = TrainerConfig(**{"steps": steps, "global_batch": batch} | fields | trainer)
    set_up_process(settings, seed=1)
    windows = random_windows(folder)
    bare = reference is None
    other = bare_step(make_model, windows, batch, steps) if bare else as_installed(reference(windows))
    turns = Turns(other, clock)
    torch.manual_seed(1)
    model = make_model()
    model.register_forward_pre_hook(lambda *_: turns.next())
    plan = TrainingPlan(
        model=model,
        train=windows,
        validation={},
        steps=steps,
        tokens_per_example=LENGTH,
        flops_per_token=1.0,
        optim=AdamWConfig(),
        schedule=CosineSchedule(),
        trainer=settings,
        strategy=StrategyConfig.choose("single"),
        seed=1,
        on_gpu=False,
        decode=str,
    )
    fit(plan, Context(folder, {}, Tracker(folder), logging.getLogger("bench"), RunConfig(progress=False)))
    return turns


def as_installed(step: Callable[[], None]) -> Callable[[], None]:
    """A step of others, with the products that torch chooses by itself."""

    def taken() -> None:
        with torchs_own_products():
            step()

    return taken


def bare_step(
    make_model: Callable[[], TrainableModel], windows: TokenWindows, batch: int, steps: int
) -> Callable[[], None]:
    torch.manual_seed(1)
    model = make_model()
    optimizer = build_optimizer(model, AdamWConfig())
    scheduler = build_scheduler(optimizer, CosineSchedule(), steps)
    indices = np.arange(batch)

    def step() -> None:
        loss = model(**windows.collate(indices, indices))
        (loss.total / loss.tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()

    return step


def random_windows(folder: Path) -> TokenWindows:
    with ShardWriter(folder, "train-00000", token_dtype(VOCAB)) as writer:
        writer.write(np.random.default_rng(1).integers(0, VOCAB, 500_000))
    ShardIndex("<u2", VOCAB, 0, "none", {"train": [writer.file]}).save(folder)
    return TokenWindows(TokenStream(folder, "train"), LENGTH)
