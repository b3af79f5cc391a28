"""What happens after an optimizer step: log line, validation, samples, checkpoint; in that order."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from train.checkpointing import Checkpoints
from train.hardware import peak_flops, peak_memory
from train.module import LanguageModule, RunningLoss

Sampler = Callable[[LanguageModule], list[tuple[str, str]]]
"""Gives (prompt, continuation) pairs; called by every rank, since a sharded model needs them all."""


class AfterStep(pl.Callback):
    """Runs once per optimizer step, on every rank."""

    def __init__(
        self,
        config: TrainerConfig,
        context: Context,
        checkpoints: Checkpoints,
        steps: int,
        flops_per_token: float,
        validation: DataLoader | None,
        sampler: Sampler | None,
    ):
        self._config, self._context, self._checkpoints = config, context, checkpoints
        self._steps, self._flops_per_token = steps, flops_per_token
        self._validation, self._sampler = validation, sampler
        self._step = 0
        self._throughput = Throughput()

    def on_train_start(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        self._step = trainer.global_step
        self._log_next = True  # the first step after a (re)start shows at once that training runs
        self._peak = peak_flops(trainer.strategy.root_device)
        self._throughput.start()

    def on_train_batch_start(self, *_: object) -> None:
        self._throughput.batch_starts()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: LanguageModule, outputs: object, batch: dict, batch_idx: int
    ) -> None:
        self._throughput.batch_ends(batch["input_ids"].numel() * trainer.world_size)
        if trainer.global_step == self._step:
            return  # the step still accumulates
        self._step = trainer.global_step
        last = self._step == self._steps
        if last or self._log_next or self._due(self._config.log_every):
            self._log(trainer, module)
        with self._throughput.paused():
            if self._validation is not None and (last or self._due(self._config.validate_every)):
                self._validate(trainer, module)
            if (
                self._sampler is not None
                and self._config.sample_every
                and (last or self._due(self._config.sample_every))
            ):
                self._sample(module)
            self._checkpoints.after_step(trainer, self._step)

    def _due(self, every: int) -> bool:
        return every > 0 and self._step % every == 0

    def _log(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        self._log_next = False
        device = trainer.strategy.root_device
        loss = module.seen.take(trainer.strategy)
        lr = trainer.optimizers[0].param_groups[0]["lr"]
        rate, waiting = self._throughput.take()
        metrics = {
            "train/loss": loss,
            "train/lr": lr,
            "train/tokens_per_second": rate,
            "train/data_wait": waiting,
            "train/memory_gb": peak_memory(device) / 1e9,
        }
        if (norm := module.grad_norm()) is not None:
            metrics["train/grad_norm"] = norm
        if self._peak:
            metrics["train/mfu"] = rate * self._flops_per_token / (self._peak * trainer.world_size)
        if self._checkpoints.seconds:
            metrics["train/checkpoint_seconds"] = self._checkpoints.seconds
        self._context.tracker.log(metrics, self._step)
        if self._context.rank == 0:
            eta = time.strftime(
                "%H:%M:%S", time.gmtime(self._throughput.seconds_left(self._steps - self._step))
            )
            self._context.log.info(
                f"step {self._step:>6,}/{self._steps:,}  loss {loss:.4f}  lr {lr:.2e}  "
                f"norm {metrics.get('train/grad_norm', float('nan')):.2f}  {rate:,.0f} tokens/s  "
                f"mfu {metrics.get('train/mfu', float('nan')):.0%}  ETA {eta}"
            )

    @torch.no_grad()
    def _validate(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        seen = RunningLoss()
        module.eval()
        for batch in self._validation:
            batch = trainer.strategy.batch_to_device(batch)
            with trainer.precision_plugin.forward_context():
                seen.add(module.loss(batch))
        module.train()
        loss = self._checkpoints.validation_loss = seen.take(trainer.strategy)
        self._context.tracker.log({"validation/loss": loss}, self._step)
        if self._context.rank == 0:
            self._context.log.info(f"step {self._step:>6,}  validation loss {loss:.4f}")

    @torch.no_grad()
    def _sample(self, module: LanguageModule) -> None:
        module.eval()
        rows = self._sampler(module)
        module.train()
        self._context.tracker.table("samples", ["prompt", "continuation"], rows, self._step)
        if self._context.rank == 0:
            for prompt, continuation in rows:
                self._context.log.info(f"sample: {prompt}{continuation}".replace("\n", " ⏎ ")[:240])


class Throughput:
    """Tokens per second of training alone: the time of validation, samples and checkpoints is left out."""

    def start(self) -> None:
        self._tokens = 0
        self._seconds = self._waited = self._total_seconds = 0.0
        self._total_steps = 0
        self._mark = self._batch_ended = time.perf_counter()

    def batch_starts(self) -> None:
        self._waited += time.perf_counter() - self._batch_ended

    def batch_ends(self, tokens: int) -> None:
        self._tokens += tokens
        self._batch_ended = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around what follows a step and does not count as training."""
        self._total_steps += 1
        self._settle()
        yield
        self._mark = self._batch_ended = time.perf_counter()

    def _settle(self) -> None:
        now = time.perf_counter()
        self._seconds += now - self._mark
        self._total_seconds += now - self._mark
        self._mark = now

    def take(self) -> tuple[float, float]:
        """(tokens per second, share of the time spent waiting for data) since the last call."""
        self._settle()
        rate, waiting = self._tokens / self._seconds, self._waited / self._seconds
        self._tokens, self._seconds, self._waited = 0, 0.0, 0.0
        return rate, waiting

    def seconds_left(self, steps: int) -> float:
        return steps * self._total_seconds / max(self._total_steps + 1, 1)
