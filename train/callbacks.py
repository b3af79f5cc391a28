"""What happens before the first step and after each: resume; judge, log, validate, checkpoint, stop, sample; in that
order."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytorch_lightning as pl
import torch
from torch.distributed.fsdp import FSDPModule
from torch.utils.data import DataLoader

from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import Restart, UserError
from train.checkpoints.manager import Checkpoints, any_rank, drop_after
from train.data.batches import Batch, MicroBatches, TrainSamples
from train.guards.divergence import Divergence
from train.guards.loss_guard import SkippedData
from train.memory.hardware import peak_flops, peak_memory
from train.module import LanguageModule, RunningLoss
from train.preemption import StopRequest

Sampler = Callable[[LanguageModule], list[tuple[str, str]]]
"""Gives (prompt, continuation) pairs; called by every rank, since a sharded model needs them all."""
Decoder = Callable[[Sequence[int]], str]
"""Token ids → text."""


class Resume(pl.Callback):
    """Sets a run back to its newest sound checkpoint, before the first step."""

    def __init__(self, checkpoints: Checkpoints, batches: MicroBatches, context: Context):
        self._checkpoints, self._batches, self._context = checkpoints, batches, context

    def setup(self, trainer: pl.Trainer, module: LanguageModule, stage: str) -> None:
        """Before the data loader starts, and when the ranks can already talk to each other."""
        self._found = self._checkpoints.newest_sound()
        if self._found is not None:
            self._batches.start = self._found.step

    def on_train_start(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if (found := self._found) is None:
            return
        self._checkpoints.load(found, module.training_state())
        module.guard.remember(found.guard)
        # What Lightning counts steps by.
        trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = (
            found.step
        )
        scheduler = trainer.lr_scheduler_configs[0].scheduler
        scheduler.last_epoch = found.step - 1
        scheduler.step()
        if self._context.rank == 0:
            self._context.log.info(
                f"continuing from step {found.step:,}, written by {found.ranks} × {found.strategy}"
            )


class AfterStep(pl.Callback):
    """Runs once per optimizer step, on every rank."""

    def __init__(
        self,
        config: TrainerConfig,
        context: Context,
        checkpoints: Checkpoints,
        samples: TrainSamples,
        skipped: SkippedData,
        stop: StopRequest,
        *,
        steps: int,
        tokens_per_step: int,
        flops_per_token: float | None,
        validation: Mapping[str, DataLoader],
        sampler: Sampler | None,
        decode: Decoder,
    ):
        self._config, self._context, self._checkpoints = config, context, checkpoints
        self._samples, self._skipped, self._stop = samples, skipped, stop
        self._steps, self._tokens_per_step = steps, tokens_per_step
        self._flops_per_token = flops_per_token
        self._validation, self._sampler, self._decode = validation, sampler, decode
        self._step = 0
        self._train_loss: float | None = None
        self._validation_loss: float | None = None
        self._throughput = Throughput()

    def on_train_start(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        self._stop.listen()  # again: Lightning has put a handler before ours that waits for other ranks
        self._step = trainer.global_step
        self._log_next = True  # the first step after a (re)start shows at once that training runs
        self._peak = peak_flops(trainer.strategy.root_device)
        self._divergence = Divergence(self._checkpoints, trainer.strategy, self._skipped)
        self._throughput.start()

    def on_train_batch_start(self, *_: object) -> None:
        self._context.activity.note(f"step {self._step + 1:,}")
        self._throughput.batch_starts()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: LanguageModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        self._throughput.batch_ends(batch["input_ids"].numel() * trainer.world_size)
        if self._config.record_data:
            self._record(batch)
        if trainer.global_step == self._step:
            return  # the step still accumulates
        self._step = trainer.global_step
        last = self._step == self._steps
        self._look_at_verdict(module)
        self._divergence.check_guard(module.guard, self._step, module.verdict())
        if last or self._log_next or self._due(self._config.log_every):
            self._log(trainer, module)
        with self._throughput.paused():
            if self._validation and (last or self._due(self._config.validate_every)):
                self._validate(trainer, module)
            if last:
                self._divergence.check_end(module.guard, self._validation_loss)
            self._checkpoints.after_step()
            stop = any_rank(trainer.strategy, self._stop.received) and not last
            if last or stop or self._due(self._config.checkpoint_every):
                self._save(trainer, module)
            if last:
                self._checkpoints.finish()
            if stop:
                self._checkpoints.conclude()
                raise Restart("preempted", self._checkpoints.last_step)
            if module.guard.out_of_patience and not last:
                self._roll_back(trainer, module)
            # After the checkpoint: nothing that is learnt depends on what a model cannot say.
            if (
                self._sampler is not None
                and self._config.sample_every
                and (last or self._due(self._config.sample_every))
            ):
                self._sample(module)
        self._validation_loss = None
        self._context.activity.note(f"the end of step {self._step:,}, or the data of the next")

    def _save(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        if self._checkpoints.last_step == self._step:
            return
        self._context.activity.note(f"the checkpoint of step {self._step:,}")
        state = module.training_state()
        self._divergence.check_state(state, self._step)
        self._checkpoints.save(
            state,
            step=self._step,
            tokens=self._step * self._tokens_per_step,
            validation_loss=self._validation_loss,
            train_loss=self._train_loss,
            guard=module.guard.memory(),
        )

    def _record(self, batch: Batch) -> None:
        folder = self._context.folder / "data"
        folder.mkdir(exist_ok=True)
        with (folder / f"rank-{self._context.rank}.jsonl").open("a") as file:
            file.write(json.dumps({"step": self._step + 1, "windows": batch["windows"].tolist()}) + "\n")

    def _look_at_verdict(self, module: LanguageModule) -> None:
        """Tell of a step that is out of line, and keep what it had read."""
        reason = module.verdict()
        if reason is None or self._context.rank != 0:
            return
        action = self._config.guard.action
        done = "it counts all the same" if action == "warn" else "the weights stay as they were"
        self._context.log.warning(f"step {self._step:,} is out of line: {reason}; {done}")
        windows = self._samples.window_ids(self._skipped.data_step(self._step - 1))
        ids = self._samples.examples.collate(windows)["input_ids"]
        rows = [
            [reason, int(window), self._decode(row)[:500]]
            for window, row in zip(windows, ids.tolist(), strict=True)
        ]
        self._context.tracker.table("out_of_line", ["reason", "window", "text"], rows, self._step)
        self._context.tracker.log({"guard/out_of_line": 1.0}, self._step)

    def _roll_back(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        """Leave out the data of the last steps, and start again from a checkpoint before them."""
        self._checkpoints.conclude()
        first, count = module.guard.rejected[0], len(module.guard.rejected)
        if trainer.is_global_zero:
            self._skipped.add(at=first - 1, steps=count)
            drop_after(self._context.folder, first - 1)
            self._context.log.warning(
                f"{count} steps in a row were out of line: going back to before step {first:,}, and leaving out the "
                f"data of these steps"
            )
        trainer.strategy.barrier()
        raise Restart("rollback", first - 1)

    def _due(self, every: int) -> bool:
        return every > 0 and self._step % every == 0

    def _log(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        self._log_next = False
        loss = self._train_loss = module.seen.take(trainer.strategy)
        rate, waiting = self._throughput.take()
        metrics = {
            "train/loss": loss,
            **{f"train/{name}": value for name, value in module.learning_rates.items()},
            "train/tokens_per_second": rate,
            "train/data_wait": waiting,
            "train/tokens": self._step * self._tokens_per_step,
            "data/position": (self._skipped.data_step(self._step - 1) + 1) * self._config.global_batch,
            **_memory(trainer),
        }
        if module.auxiliary.holds_any:
            metrics["train/balance_loss"] = module.auxiliary.take(trainer.strategy)
        if (norm := module.grad_norm()) is not None:
            metrics["train/grad_norm"] = norm
        if self._peak and self._flops_per_token:
            metrics["train/mfu"] = rate * self._flops_per_token / (self._peak * trainer.world_size)
        if self._checkpoints.seconds_stopped:
            metrics["train/checkpoint_seconds"] = self._checkpoints.seconds_stopped
        self._context.tracker.log(metrics, self._step)
        if self._context.rank == 0:
            eta = time.strftime(
                "%H:%M:%S", time.gmtime(self._throughput.seconds_left(self._steps - self._step))
            )
            lrs = "  ".join(f"{name} {value:.2e}" for name, value in module.learning_rates.items())
            self._context.log.info(
                f"step {self._step:>6,}/{self._steps:,}  loss {loss:.4f}  {lrs}  "
                f"norm {metrics.get('train/grad_norm', float('nan')):.2f}  {rate:,.0f} tokens/s  "
                f"mfu {metrics.get('train/mfu', float('nan')):.0%}  ETA {eta}"
            )

    @torch.no_grad()
    def _validate(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        self._context.activity.note(f"the validation after step {self._step:,}")
        whole, parts = RunningLoss(), {}
        module.eval()
        for name, batches in self._validation.items():
            seen = RunningLoss()
            for batch in batches:
                batch = trainer.strategy.batch_to_device(batch)
                with trainer.precision_plugin.forward_context():
                    loss = module.loss(batch)
                whole.add(loss)
                seen.add(loss)
            if len(self._validation) > 1:
                parts[name] = seen.take(trainer.strategy)
        module.train()
        mean = self._validation_loss = whole.take(trainer.strategy)
        metrics = {f"validation/{name}_loss": loss for name, loss in parts.items()}
        self._context.tracker.log({"validation/loss": mean, **metrics}, self._step)
        if self._context.rank == 0:
            apart = ", ".join(f"{name} {loss:.4f}" for name, loss in parts.items())
            words = f"{mean:.4f} ({apart})" if apart else f"{mean:.4f}"
            self._context.log.info(f"step {self._step:>6,}  validation loss {words}")

    @torch.no_grad()
    def _sample(self, module: LanguageModule) -> None:
        self._context.activity.note(f"the samples after step {self._step:,}")
        module.eval()
        with _gathered(module.model):
            try:
                rows = self._sampler(module)
            except UserError as error:  # of the model, and so on all ranks alike
                self._context.log.warning(
                    f"step {self._step:,}: no sample texts, and training goes on: {error}"
                )
                rows = []
        module.train()
        self._context.tracker.table("samples", ["prompt", "continuation"], rows, self._step)
        if self._context.rank == 0:
            for prompt, continuation in rows:
                self._context.log.info(f"sample: {prompt}{continuation}".replace("\n", " ⏎ ")[:240])


@contextmanager
def _gathered(model: torch.nn.Module) -> Iterator[None]:
    """Around calls of a model's other methods than `forward`: FSDP gathers what is outside the blocks there only."""
    if isinstance(model, FSDPModule):
        model.unshard()
    yield
    if isinstance(model, FSDPModule):
        model.reshard()


def _memory(trainer: pl.Trainer) -> dict[str, float]:
    """Peak memory in GB: of this rank, and of the rank that has most."""
    here = peak_memory(trainer.strategy.root_device) / 1e9
    most = trainer.strategy.reduce(torch.tensor(here, device=trainer.strategy.root_device), reduce_op="max")
    return {"train/memory_gb": here, "train/memory_gb_max": float(most)}


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
