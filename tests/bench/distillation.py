"""Speed of learning from a teacher: a student's step with what was stored, against its step without a teacher."""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from pipeline.config.distillation import DistillConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from tests.bench.table import Row
from tests.bench.training import BATCH, LENGTH, MODEL, VOCAB, in_turns
from tests.bench.turns import random_windows
from train.data.batches import Examples, TokenWindows
from train.data.losses import Loss, model_loss
from train.distillation.loss import DistillationLoss, from_batch, live
from train.distillation.stored import StoredTargets
from train.distillation.taught import TaughtExamples, places_by_row
from train.distillation.teacher import Teacher
from train.models import as_language_model, build_model
from train.optim import build_optimizer

TOP_K = 64


def bench_distillation(rounds: int) -> Iterator[Row]:
    """A whole step each, from reading its windows to the optimizer, in turns: with the 64 likeliest tokens of each
    place from the store, without a teacher, and with a teacher of the student's size that reads along."""
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        windows = random_windows(Path(name))
        kept = TaughtExamples(
            windows, stored := _stored(Path(name) / "stored", windows), places_by_row(stored)
        )
        teacher = Teacher(as_language_model(build_model(MODEL, VOCAB)))
        settings = DistillConfig(teacher="teacher", top_k=TOP_K, cache=True)
        reading = live(teacher, VOCAB, settings.temperature, None)
        steps = [
            _step(kept, DistillationLoss(settings, from_batch)),
            _step(windows, model_loss),
            _step(windows, DistillationLoss(settings, reading)),
        ]
        taught, plain, along = in_turns(steps, rounds)
    for what, ours in (
        (f"a student's step with {TOP_K} stored tokens of each place, against one without a teacher", taught),
        ("the same with a teacher of its size that reads along", along),
    ):
        ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
        yield (
            what,
            f"{statistics.median(ours) * 1e3:.1f} ms",
            f"{statistics.median(plain) * 1e3:.1f} ms",
            f"{ratio:.2f}×",
        )


def _stored(folder: Path, windows: TokenWindows) -> StoredTargets:
    """As a teacher leaves it, of random tokens."""
    stored = StoredTargets(folder, np.full(len(windows), LENGTH), TOP_K, VOCAB)
    random = np.random.default_rng(1)
    for piece in stored.missing():
        records = np.zeros(stored.places_in(piece), stored.kind)
        records["tokens"] = (
            random.integers(VOCAB, size=(len(records), 1)) + np.arange(TOP_K) * (VOCAB // TOP_K)
        ) % VOCAB
        records["log_probs"] = -np.log(TOP_K + 1)
        stored.write(piece, records)
    return stored


def _step(examples: Examples, loss: Loss) -> Callable[[], None]:
    model = build_model(MODEL, VOCAB)
    optimizer = build_optimizer(model, AdamWConfig())
    random = np.random.default_rng(2)

    def step() -> None:
        indices = random.choice(len(examples), BATCH, replace=False)
        found = loss(model, examples.collate(indices, indices))
        total = found.total if found.auxiliary is None else found.total + found.auxiliary
        (total / found.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
