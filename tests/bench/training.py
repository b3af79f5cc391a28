"""Training speed: our Trainer path against a bare loop, our decoder against transformers' Llama."""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.optimizers.adamw import AdamWConfig
from pipeline.config.run import RunConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.formats.shards import ShardIndex, ShardWriter, TokenStream, token_dtype
from pipeline.tracking.tracker import Tracker
from tests.bench.table import Row
from train.data.batches import TokenWindows
from train.loop import fit, set_up_process
from train.models import build_model
from train.models.decoder.hf_config import to_hf_config
from train.optim import build_optimizer
from train.optim.scheduler import build_scheduler
from train.training_plan import TrainingPlan

VOCAB, LENGTH, BATCH = 4096, 256, 8
MODEL = DecoderConfig(layers=4, hidden=256, heads=4, context=LENGTH)


def bench_trainer(rounds: int) -> Iterator[Row]:
    """Seconds per step of the pretrain stage's loop and of a bare loop over the same model and batches.

    Both run in turns within one process: the bare loop takes its step right after each of the Trainer's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        windows = _random_windows(folder)
        trainer = TrainerConfig(
            steps=3 * rounds,
            global_batch=BATCH,
            validate_every=0,
            checkpoint_every=0,
            sample_every=0,
            log_every=10,
        )
        set_up_process(trainer, seed=1)
        bare = _bare_step(windows, 3 * rounds)
        turns = _Turns(bare)
        context = Context(folder, {}, Tracker(folder), logging.getLogger("bench"), RunConfig(progress=False))
        plan = TrainingPlan(
            model=_hooked(MODEL, turns),
            train=windows,
            validation={},
            steps=3 * rounds,
            tokens_per_example=LENGTH,
            flops_per_token=1.0,
            optim=AdamWConfig(),
            schedule=CosineSchedule(),
            trainer=trainer,
            strategy=StrategyConfig.choose("single"),
            seed=1,
            on_gpu=False,
            decode=str,
        )
        fit(plan, context)
        collate = _median_seconds(lambda: windows.collate(np.arange(BATCH), np.arange(BATCH)), 50)
    ours, reference = statistics.median(turns.ours), statistics.median(turns.bare)
    ratio = statistics.median(a / b for a, b in zip(turns.ours, turns.bare, strict=True))
    yield (
        "training step, Trainer against a bare loop",
        f"{ours * 1e3:.1f} ms",
        f"{reference * 1e3:.1f} ms",
        f"{ratio:.3f}×",
    )
    yield (
        "data loading within a step",
        f"{collate * 1e3:.2f} ms",
        f"{ours * 1e3:.1f} ms",
        f"{collate / ours:.2%}",
    )


class _Turns:
    """Times the Trainer's steps from forward to forward, and a bare step between two of them."""

    def __init__(self, bare: Callable[[], None]):
        self._bare = bare
        self._started: float | None = None
        self.ours: list[float] = []
        self.bare: list[float] = []

    def next(self) -> None:
        now = time.perf_counter()
        if self._started is not None:
            self.ours.append(now - self._started)
            self._bare()
            self.bare.append(time.perf_counter() - now)
        self._started = time.perf_counter()


def _hooked(config: DecoderConfig, turns: _Turns) -> torch.nn.Module:
    torch.manual_seed(1)
    model = build_model(config, VOCAB)
    model.register_forward_pre_hook(lambda *_: turns.next())
    return model


def _bare_step(windows: TokenWindows, steps: int) -> Callable[[], None]:
    torch.manual_seed(1)
    model = build_model(MODEL, VOCAB)
    optimizer = build_optimizer(model, AdamWConfig())
    scheduler = build_scheduler(optimizer, CosineSchedule(), steps)
    indices = np.arange(BATCH)

    def step() -> None:
        batch = windows.collate(indices, indices)
        loss = model(**batch)
        (loss.total / loss.tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()

    return step


def bench_decoder(rounds: int) -> Iterator[Row]:
    """A whole training step of our decoder and of LlamaForCausalLM with the same configuration."""
    from transformers import AutoConfig, AutoModelForCausalLM

    pl.seed_everything(1, verbose=False)
    tokens = torch.randint(0, VOCAB, (BATCH, LENGTH + 1))
    inputs, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    for compiled in (False, True):
        ours = build_model(MODEL, VOCAB)
        theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_hf_config(MODEL, VOCAB)))
        if compiled:
            ours, theirs = torch.compile(ours), torch.compile(theirs)

        def our_loss(model: torch.nn.Module = ours) -> torch.Tensor:
            loss = model(inputs, labels)
            return loss.total / loss.tokens

        def their_loss(model: torch.nn.Module = theirs) -> torch.Tensor:
            return model(input_ids=inputs, labels=labels, shift_labels=labels).loss

        steps = [_optimizer_step(ours, our_loss), _optimizer_step(theirs, their_loss)]
        times = in_turns(steps, rounds)
        rates = [BATCH * LENGTH / statistics.median(t) for t in times]
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        kind = "compiled" if compiled else "eager"
        yield (
            f"decoder against transformers' Llama, {kind}",
            f"{rates[0]:,.0f} tokens/s",
            f"{rates[1]:,.0f} tokens/s",
            f"{ratio:.2f}×",
        )


def _optimizer_step(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def in_turns(steps: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    for step in steps:  # compile and warm up
        step()
        step()
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, found in zip(steps, times, strict=True):
            started = time.perf_counter()
            step()
            found.append(time.perf_counter() - started)
    return times


def _median_seconds(function: Callable[[], object], rounds: int) -> float:
    return statistics.median(in_turns([function], rounds)[0])


def _random_windows(folder: Path) -> TokenWindows:
    with ShardWriter(folder, "train-00000", token_dtype(VOCAB)) as writer:
        writer.write(np.random.default_rng(1).integers(0, VOCAB, 500_000))
    ShardIndex("<u2", VOCAB, 0, "none", {"train": [writer.file]}).save(folder)
    return TokenWindows(TokenStream(folder, "train"), LENGTH)
