"""The LightningModule: one model, one loss, whatever the task and the strategy."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import Strategy
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.schedules import ScheduleConfig
from train.checkpoints.training_state import TrainingState
from train.data.batches import Batch
from train.data.losses import Loss, model_loss
from train.guards.step_judge import StepJudge
from train.models import LossSum, TrainableModel
from train.models.weights import Weights, unset_weights
from train.optim import NeedsWhole, build_optimizer, optimizer_module
from train.optim.kept_zeros import KeptZeros
from train.optim.only_rows import OnlyRows, stepping_only
from train.optim.scheduler import build_scheduler
from train.strategies.shares import Group, Share
from train.strategies.strategy import TrainingStrategy


class LanguageModule(pl.LightningModule):
    """Trains any model, by the loss that `loss` makes of a batch."""

    def __init__(
        self,
        model: TrainableModel,
        optim: OptimizerConfig,
        schedule: ScheduleConfig,
        steps: int,
        judge: StepJudge,
        seed: int,
        loss: Loss = model_loss,
        only_rows: OnlyRows | None = None,
        weights: Weights | None = None,
    ):
        """
        Args:
            weights: of a model on the meta device.
        """
        super().__init__()
        self.model = model
        self._weights = weights
        self._loss = loss
        self.judge, self.guard = judge, judge.guard
        self._optim, self._schedule, self._steps, self._seed = optim, schedule, steps, seed
        self._only_rows = only_rows
        self._shares: list[Share] = []
        self.kept_zeros: KeptZeros | None = None
        """Set where weights were pruned, before the first step."""
        self.running = RunningFigures()
        """Of the steps since somebody took them."""
        self._begun = self._judged = -1
        self._verdict: Tensor | None = None
        self.learning_rates: dict[str, float] = {}
        """Of the step that was begun last: `lr`, and those of parameters with rates of their own, such as `muon_lr`."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Lightning notes twice around each hook which one it is. torch would ask each time whether the name is a
        parameter, a module or a buffer."""
        if name == "_current_fx_name":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def strategy(self) -> TrainingStrategy:
        """How the ranks share the work; there once Lightning's Trainer has the module."""
        return cast(TrainingStrategy, self.trainer.strategy)

    def await_checkpoint(self) -> None:
        """Let the weights be what they are until a checkpoint is read, which is before anything asks for them. To be
        called before the strategy has the model."""
        if self._weights is not None:
            self._weights = unset_weights(self.model)

    def configure_model(self) -> None:
        """Spread the parameters, before Lightning asks for the optimizer."""
        if self._weights is None:
            self.strategy.shard(self.model)
        else:
            self.strategy.materialize(self.model, self._weights)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed each step by itself, so that dropout after a resume is as it would have been."""
        if self._begun != (step := self.trainer.global_step):
            self._begun = step
            # Now, since by the end of the step the schedule has moved on to the next one's.
            self.learning_rates = _learning_rates(self.trainer.optimizers[0].param_groups)
            if self._only_rows is not None and not self._shares and step < self._only_rows.steps:
                # Now, since DeepSpeed hides what the optimizer holds while it steps.
                self._shares = self.strategy.shares(self.model)
            sequence = np.random.SeedSequence([self._seed, step, self.trainer.global_rank])
            _seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)), self.device)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss = self.loss(batch)
        self.running.add(loss)
        self.judge.add(loss)
        trained = loss.total if loss.auxiliary is None else loss.total + loss.auxiliary
        mean = trained * batch["loss_scale"]
        if self.trainer.strategy.handles_gradient_accumulation:
            # Lightning divides by the accumulation steps, and DeepSpeed does so again.
            mean = mean * self.trainer.accumulate_grad_batches
        return mean

    def loss(self, batch: Batch) -> LossSum:
        given = {name: tensor for name, tensor in batch.items() if name not in ("loss_scale", "windows")}
        return self._loss(self.model, given)

    def training_state(self) -> TrainingState:
        """This rank's view of weights and optimizer states, once Lightning has set the strategy up."""
        return TrainingState(self.model, self.strategy, optimizer_module(self._optim))

    def verdict(self) -> Tensor | None:
        """Whether the weights are to stay as they are in the step whose gradients were made last; see
        `StepJudge.judge`. The first call for a step is a collective operation."""
        if self._judged != self._begun:
            self._judged = self._begun
            self._verdict = self.judge.judge(self._begun + 1, self.strategy)
        return self._verdict

    def _around_step(self) -> AbstractContextManager[None]:
        rows = self._only_rows
        if self.kept_zeros is not None:
            return self.kept_zeros.stepping()
        if rows is None or self._begun >= rows.steps:
            return nullcontext()
        return stepping_only(self.strategy.own_optimizer, self._shares, rows.elements(self.model))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = build_optimizer(self.model, self._optim)
        optimizer.veto, optimizer.around = self.verdict, self._around_step
        if isinstance(optimizer, NeedsWhole):
            optimizer.map_whole = self.strategy.map_whole
        scheduler = build_scheduler(optimizer, self._schedule, self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: object,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as Lightning would; the strategy keeps the norm."""
        self.strategy.clip_gradients(self.model, gradient_clip_val or float("inf"))


def _seed(seed: int, device: torch.device) -> None:
    """As `torch.manual_seed`, which takes 0.7 ms, since it also asks for devices that training does not use."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _learning_rates(groups: Sequence[Group]) -> dict[str, float]:
    """`lr`, and by the names that an optimizer gives them as `rate_name` those of its other groups."""
    rates = {group.get("rate_name", "lr"): group["lr"] for group in reversed(groups)}
    return {"lr": rates.pop("lr", groups[0]["lr"]), **rates}


LOSS, AUXILIARY_LOSS = "loss", "auxiliary_loss"
NOTHING = (0.0, 0)
"""The sum and the count of no losses."""


class RunningFigures:
    """Means of this rank's losses, by name: `loss`, `auxiliary_loss` where there is one, and what the model tells
    besides."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor | float, Tensor | int]] = {LOSS: NOTHING}

    def add(self, loss: LossSum) -> None:
        self._add(LOSS, loss.total, loss.tokens)
        if loss.auxiliary is not None:
            self._add(AUXILIARY_LOSS, loss.auxiliary, loss.tokens)
        for name, figure in loss.figures.items():
            self._add(name, *figure)

    def take(self, strategy: Strategy) -> dict[str, float]:
        """Over all ranks since the last call, by name; a collective operation."""
        means = self.means(strategy)
        self._sums = dict.fromkeys(self._sums, NOTHING)
        return means

    def means(self, strategy: Strategy) -> dict[str, float]:
        """The same, and what is added later is added to it."""
        return {name: total / max(count, 1.0) for name, (total, count) in self.memory(strategy).items()}

    def memory(self, strategy: Strategy) -> dict[str, tuple[float, float]]:
        """Sums and counts over all ranks; one collective operation for all names, which the ranks have in one order."""
        numbers = [torch.as_tensor(each).double() for pair in self._sums.values() for each in pair]
        here = torch.stack([each.to(strategy.root_device) for each in numbers])
        whole = strategy.reduce(here, reduce_op="sum").tolist()
        return dict(zip(self._sums, zip(whole[::2], whole[1::2], strict=True), strict=True))

    def remember(self, memory: Mapping[str, Sequence[float]], strategy: Strategy) -> None:
        """Go on from what `memory` gave, on however many ranks."""
        for name, (total, count) in memory.items():
            # A count that was a plain number would become fp32 with the next one.
            whole = total, torch.tensor(count, dtype=torch.double)
            self._sums[name] = whole if strategy.is_global_zero else NOTHING

    def _add(self, name: str, total: Tensor, count: Tensor) -> None:
        total_before, count_before = self._sums.get(name, NOTHING)
        self._sums[name] = total_before + total.detach().double(), count_before + count


def besides(means: Mapping[str, float]) -> dict[str, float]:
    """What a model tells beside its losses."""
    return {name: mean for name, mean in means.items() if name not in (LOSS, AUXILIARY_LOSS)}
