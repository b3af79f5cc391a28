"""Speed of preference training: a step of DPO against a step of fine-tuning on the same tokens."""

import statistics
from collections.abc import Callable, Iterator

import torch

from pipeline.config.optimizers.adamw import AdamWConfig
from tests.bench.table import Row
from tests.bench.training import LENGTH, MODEL, VOCAB, in_turns
from train.finetuning.preferences.model import PreferenceModel
from train.finetuning.preferences.pair_losses import DPOLoss
from train.models import IGNORE_INDEX, LossSum, build_model
from train.optim import build_optimizer

PAIRS = 4


def bench_preferences(rounds: int) -> Iterator[Row]:
    """Forward, backward and optimizer of both, in turns, over pairs whose second half is the answer.

    The reference's log-probabilities are stored: they are part of the batch.
    """
    torch.manual_seed(1)
    tokens = torch.randint(0, VOCAB, (PAIRS, 2, LENGTH + 1))
    input_ids, labels = tokens[..., :-1].contiguous(), tokens[..., 1:].clone()
    labels[..., : LENGTH // 2] = IGNORE_INDEX
    reference = torch.full((PAIRS, 2), -100.0)
    tuned, preferring = build_model(MODEL, VOCAB), PreferenceModel(build_model(MODEL, VOCAB), DPOLoss(0.1))
    steps = [
        _step(preferring, lambda: preferring(input_ids, labels, reference=reference)),
        _step(tuned, lambda: tuned(input_ids.flatten(0, 1), labels.flatten(0, 1))),
    ]
    dpo, plain = in_turns(steps, rounds)
    ratio = statistics.median(a / b for a, b in zip(dpo, plain, strict=True))
    yield (
        "DPO step against a fine-tuning step of the same tokens",
        f"{statistics.median(dpo) * 1e3:.1f} ms",
        f"{statistics.median(plain) * 1e3:.1f} ms",
        f"{ratio:.2f}×",
    )


def _step(model: torch.nn.Module, loss: Callable[[], LossSum]) -> Callable[[], None]:
    optimizer = build_optimizer(model, AdamWConfig())

    def step() -> None:
        found = loss()
        (found.total / found.tokens).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
