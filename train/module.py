"""The LightningModule: one model, one loss, whatever the task and the strategy."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DeepSpeedStrategy
from torch import Tensor, nn

from pipeline.config.training import OptimConfig, ScheduleConfig
from train.data import Batch
from train.models import LossSum
from train.optimizers import build_optimizer
from train.schedules import build_scheduler


class LanguageModule(pl.LightningModule):
    """Trains any model whose `forward(input_ids, labels, …)` gives a `LossSum`."""

    def __init__(self, model: nn.Module, optim: OptimConfig, schedule: ScheduleConfig, steps: int):
        super().__init__()
        self.model = model
        self._optim, self._schedule, self._steps = optim, schedule, steps
        self.seen = RunningLoss()
        """Loss since the last time somebody took it."""
        self._grad_norm: Tensor | None = None

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss = self.loss(batch)
        self.seen.add(loss)
        mean = loss.total * batch["loss_scale"]
        if self.trainer.strategy.handles_gradient_accumulation:
            # Lightning divides by the accumulation steps, and DeepSpeed does so again.
            mean = mean * self.trainer.accumulate_grad_batches
        return mean

    def loss(self, batch: Batch) -> LossSum:
        return self.model(**{name: tensor for name, tensor in batch.items() if name != "loss_scale"})

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count Lightning's micro-batches in this run's accumulation, which may not be the checkpoint's."""
        done = checkpoint["global_step"] * self.trainer.accumulate_grad_batches
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        # As at the end of the step's last micro-batch, where checkpoints are written: it is not counted as completed.
        counts = {"ready": done, "started": done, "processed": done, "completed": done - 1}
        progress["total"].update(counts)
        progress["current"].update(counts)

    def configure_optimizers(self) -> dict:
        optimizer = build_optimizer(self.model, self._optim)
        scheduler = build_scheduler(optimizer, self._schedule, self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: object,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as Lightning would, and keep the norm. DeepSpeed clips by itself, within its step."""
        if not isinstance(self.trainer.strategy, DeepSpeedStrategy):
            limit = gradient_clip_val or float("inf")
            self._grad_norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)

    def grad_norm(self) -> float | None:
        """Global gradient norm of the last step, before clipping."""
        strategy = self.trainer.strategy
        norm = (
            strategy.deepspeed_engine.get_global_grad_norm()
            if isinstance(strategy, DeepSpeedStrategy)
            else None
        )
        norm = self._grad_norm if norm is None else norm
        return None if norm is None else float(norm)


class RunningLoss:
    """Summed loss and token count of this rank."""

    def __init__(self) -> None:
        self._total: Tensor | float = 0.0
        self._tokens: Tensor | int = 0

    def add(self, loss: LossSum) -> None:
        self._total = self._total + loss.total.detach().double()
        self._tokens = self._tokens + loss.tokens

    def take(self, strategy: pl.strategies.Strategy) -> float:
        """Mean per token over all ranks since the last call; a collective operation."""
        sums = torch.stack([torch.as_tensor(self._total).double(), torch.as_tensor(self._tokens).double()])
        sums = strategy.reduce(sums.to(strategy.root_device), reduce_op="sum")
        self._total, self._tokens = 0.0, 0
        total, tokens = sums.tolist()
        return total / max(tokens, 1.0)
