"""Logs the loss, the learning rates, the speed and what they cost in memory."""

import math
import time

import pytorch_lightning as pl
import torch

from pipeline.live_line import LIVE_LINE, ON_LIVE_LINE
from pipeline.progress import clock
from train.callbacks.after_step import AfterStep
from train.cost.power import power_meter
from train.memory.hardware import peak_flops, peak_memory
from train.module import LOSS, LanguageModule, besides

LIVE_SECONDS = 0.5


class Log(AfterStep):
    """Every `trainer.log_every` steps, after the first one and the last one. After a resume the mean up to the first
    step is told, for that shows at once that training runs, and not logged, since the next point holds it, too."""

    counts_as_training = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._starts, self._shown_at, self._told = True, 0.0, ""
        self._peak_flops = peak_flops(trainer.strategy.root_device)
        self._power = power_meter(trainer.strategy.root_device) if self.context.rank == 0 else None

    def after_step(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        progress, starts = self.progress, self._starts
        self._starts = False
        if progress.step == 1 or progress.is_due(self.run.plan.trainer.log_every) or progress.is_last:
            figures = module.running.take(trainer.strategy)
            progress.train_loss = figures[LOSS]
            metrics = {f"train/{name}": x for name, x in figures.items()} | self._metrics(trainer, module)
            self.context.tracker.log(metrics, progress.step)
            if self.context.rank == 0:
                self._print(metrics, figures, module)
        elif starts:
            loss = module.running.means(trainer.strategy)[LOSS]
            if self.context.rank == 0:
                self._told = f"loss {loss:.4f}"
                self.context.log.info(f"{self._step()}  {self._told}  (since the last step that was logged)")
            progress.throughput.take()  # the first step is slower, of which the next point should not tell
        else:
            self._show_live()

    def _metrics(self, trainer: pl.Trainer, module: LanguageModule) -> dict[str, float]:
        plan, step = self.run.plan, self.progress.step
        rate, waiting, padding = self.progress.throughput.take()
        position = self.run.skipped.data_step(step - 1) + 1
        metrics = {
            **{f"train/{name}": value for name, value in module.learning_rates.items()},
            "train/tokens_per_second": rate,
            "train/data_wait": waiting,
            "train/tokens": step * plan.tokens_per_step,
            "data/position": position * plan.trainer.global_batch,
            **_memory(trainer),
        }
        if plan.example_tokens is not None:
            metrics["train/padding"] = padding
        if (norm := module.strategy.grad_norm()) is not None:
            metrics["train/grad_norm"] = float(norm)
        if self._peak_flops and plan.flops_per_token:
            metrics["train/mfu"] = rate * plan.flops_per_token / (self._peak_flops * trainer.world_size)
        if self._power:
            metrics["train/watts"] = self._power.take()
        if seconds := self.run.checkpoints.seconds_stopped:
            metrics["train/checkpoint_seconds"] = seconds
        return metrics

    def _print(self, metrics: dict[str, float], figures: dict[str, float], module: LanguageModule) -> None:
        step, steps = self.progress.step, self.progress.steps
        eta = clock(self.progress.throughput.seconds_left(steps - step))
        lrs = "  ".join(f"{name} {value:.2e}" for name, value in module.learning_rates.items())
        told = "".join(f"{name} {value:.3f}  " for name, value in besides(figures).items())
        padding = f"padding {metrics['train/padding']:.0%}  " if "train/padding" in metrics else ""
        mfu = f"mfu {metrics['train/mfu']:.0%}  " if "train/mfu" in metrics else ""
        rate = f"{metrics['train/tokens_per_second']:,.0f} tokens/s"
        live = self.context.run.progress and LIVE_LINE.is_possible and not self.progress.is_last
        self._told = f"loss {metrics['train/loss']:.4f}  {rate}"
        if self.progress.is_last:
            LIVE_LINE.close()
        self.context.log.info(
            f"{self._step()}  loss {metrics['train/loss']:.4f}  {told}{lrs}  "
            f"norm {metrics.get('train/grad_norm', math.nan):.2f}  "
            f"{rate}  {padding}{mfu}ETA {eta}",
            extra={ON_LIVE_LINE: live},
        )
        self._shown_at = 0.0
        if live:
            self._show_live()

    def _step(self) -> str:
        return f"step {self.progress.step:>6,}/{self.progress.steps:,}"

    def _show_live(self) -> None:
        """How far it is, twice a second at most; loss and speed as they were told last."""
        now = time.monotonic()
        if self.context.rank or not self.context.run.progress or now - self._shown_at < LIVE_SECONDS:
            return
        self._shown_at = now
        step, steps = self.progress.step, self.progress.steps
        eta = clock(self.progress.throughput.seconds_left(steps - step))
        LIVE_LINE.show(f"step {step:,}/{steps:,} ({step / steps:.0%})  {self._told}  ETA {eta}")


def _memory(trainer: pl.Trainer) -> dict[str, float]:
    """Peak memory in GB: of this rank, and of the rank that has most."""
    here = peak_memory(trainer.strategy.root_device) / 1e9
    most = trainer.strategy.reduce(torch.tensor(here, device=trainer.strategy.root_device), reduce_op="max")
    return {"train/memory_gb": here, "train/memory_gb_max": float(most)}
