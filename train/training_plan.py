"""What training is to do: all that `fit` is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from train.benchmarks.probes import Probes
from train.data.batches import Examples
from train.data.losses import Loss, model_loss
from train.data.order import Order
from train.generation.samples import Sampler
from train.generation.stops import Decode
from train.guards.monitor import Monitor
from train.models import TrainableModel
from train.models.weights import Weights
from train.module import LanguageModule
from train.optim.only_rows import OnlyRows
from train.preemption import StopRequest

Preparation = Callable[[Context, StopRequest, pl.Trainer, LanguageModule], None]
"""Called by every rank when the strategy holds the model with the weights that training begins from, whether it will go
on from a checkpoint or not; no example has been read by then."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A model, the examples that it is trained on, and how."""

    model: TrainableModel
    """On the meta device where `weights` are given."""
    train: Examples
    validation: Mapping[str, Examples]
    """Held-out examples by the name of their part of the corpus; "" where there is only one part."""
    steps: int
    """Optimizer steps, from the first of the run to its last."""
    tokens_per_example: float
    flops_per_token: float | None
    """For the model FLOPs utilization; None where the model does not say."""
    optim: OptimizerConfig
    schedule: ScheduleConfig
    trainer: TrainerConfig
    strategy: StrategyConfig
    seed: int
    on_gpu: bool
    decode: Decode
    """Shows what an outlier had read."""
    weights: Weights | None = None
    """Which the model gets when ranks share it: so that no rank needs to hold all of them."""
    loss: Loss = model_loss
    sampler: Sampler | None = None
    """None writes no sample texts."""
    probes: Probes | None = None
    """Benchmarks and texts that are followed."""
    preparation: Preparation | None = None
    """What the examples need of the model as it is before its first step."""
    adapted: bool = False
    """Whether the model has adapters. What results are they alone, to be merged into a new copy of the weights."""
    monitor: Monitor | None = None
    """What is looked at besides the validation loss, or until when; None keeps the checkpoint of the lowest loss."""
    validates_first: bool = False
    """Whether the loss on held-out examples is measured before the first step, too."""
    only_rows: OnlyRows | None = None
    """What the first steps train, where it is not all of the model."""
    keeps_zeros_of: frozenset[str] = frozenset()
    """Parameters whose weights stay zero where they are zero at first."""
    example_tokens: np.ndarray | None = None
    """Tokens of each training example, int64 [examples]; None where batches have no padding to tell of."""
    order: Order | None = None
    """Of the training examples; None takes all of them in each epoch, in an order that follows from the seed."""

    @property
    def tokens_per_step(self) -> int:
        return round(self.trainer.global_batch * self.tokens_per_example)
