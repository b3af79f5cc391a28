"""What the rest of the program asks of a strategy, and the one that a `strategy` section names."""

import os
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

import torch.distributed as dist
from pytorch_lightning.strategies import Strategy
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import TrainerConfig
from pipeline.launch.loopback import meet_alone
from train.models.interface import TrainableModel
from train.models.sizes import ModelSizes
from train.models.weights import Weights, materialize
from train.strategies.memory import StrategyMemory
from train.strategies.shared_work import Function, map_in_shares
from train.strategies.shares import Share, whole_parameter

T = TypeVar("T")

# A rank whose peers write, verify or load a large checkpoint waits for them.
TIMEOUT = timedelta(minutes=30)


class TrainingStrategy(Strategy):
    """Base of our strategies, in front of one of Lightning's: `class DDP(TrainingStrategy, DDPStrategy)`.

    Only `build` must be there. All else is answered here as it is where each rank holds the whole model and Lightning's
    strategy averages the gradients; except for memory, which is not predicted.
    """

    replicates: ClassVar[bool] = True
    """Whether each rank holds the whole training state. Then the ranks divide the writing of a checkpoint; else each
    writes what it holds, and no two hold the same."""

    global_rank: int
    world_size: int

    _norm: Tensor | None = None

    @classmethod
    @abstractmethod
    def build(cls, config: Any, trainer: TrainerConfig, on_gpu: bool) -> Self:
        """The strategy of a `strategy` section.

        Raises:
            UserError: where a file that the section names is of no use.
        """

    @classmethod
    def memory(
        cls, config: Any, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
    ) -> StrategyMemory | None:
        """Memory of one rank without activations and loss; None where it is not predicted.

        Args:
            state_bytes: of the optimizer's states over all ranks.
        """
        return None

    @classmethod
    def lightning_precision(cls, precision: str) -> Literal["bf16-mixed", "32-true"]:
        """What Lightning is told of `trainer.precision`."""
        return "bf16-mixed" if precision == "bf16" else "32-true"

    def shard(self, model: TrainableModel) -> None:
        """Spread the parameters, which are equal on all ranks, in place, where Lightning leaves that to its module."""

    def materialize(self, model: TrainableModel, weights: Weights) -> None:
        """Give a model on the meta device its weights, one layer after the other, and spread them."""
        materialize(model, weights, self.root_device)
        self.shard(model)

    def gathered(self, model: nn.Module) -> AbstractContextManager[None]:
        """Around calls of a model's other methods than `forward`, where parameters are gathered for that one alone."""
        return nullcontext()

    def clip_gradients(self, model: nn.Module, limit: float) -> None:
        """Scale the gradients of a step so that their global norm is at most the limit."""
        self._norm = clip_grad_norm_(model.parameters(), limit)

    def grad_norm(self) -> Tensor | None:
        """Global gradient norm of the step whose gradients were made last, before clipping: a scalar on the device. All
        ranks ask together."""
        return self._norm

    def gather(self, value: T) -> list[T]:
        """What each rank gives, by rank, on rank 0; nothing on the others. All ranks ask together."""
        if not dist.is_initialized():
            return [value]
        found: list[Any] | None = [None] * self.world_size if self.is_global_zero else None
        dist.gather_object(value, found)
        return found or []

    @property
    def own_optimizer(self) -> Optimizer:
        """The optimizer that `train/optim/` built, without what a strategy wraps around it."""
        return self.optimizers[0]

    def shares(self, model: nn.Module) -> list[Share]:
        """What this rank holds of weights and optimizer states: a checkpoint is read into it and written from it."""
        groups = self.own_optimizer.param_groups
        return [Share(p, group, whole_parameter(p)) for group in groups for p in group["params"]]

    def weights_were_read(self) -> None:
        """Called when a checkpoint was read into the shares, for what is made of them: copies in other types, or what
        other ranks need."""

    def map_whole(
        self,
        parameters: Sequence[nn.Parameter],
        tensors: Sequence[Tensor],
        function: Function,
    ) -> list[Tensor]:
        """`function(tensors)` where the function takes each tensor by itself, and needs it whole: as Muon does.

        Args:
            parameters: the model's parameters that one of the optimizer's groups was built with.
            tensors: of those parameters, in the form in which the optimizer has them: whole, sharded, or one flat slice
                of all of them. The results come back in the same form.
        """
        return map_in_shares(tensors, function) if self.world_size > 1 else function(tensors)


class StrategyModule(Protocol):
    """A module that a section of `pipeline/config/strategies/` names."""

    STRATEGY: type[TrainingStrategy]


def strategy_class(config: StrategyConfig) -> type[TrainingStrategy]:
    """The class of a `strategy` section. Its module is imported when asked for."""
    return config.load(StrategyModule).STRATEGY


def build_strategy(config: StrategyConfig, trainer: TrainerConfig, on_gpu: bool) -> TrainingStrategy:
    """The strategy of a `strategy` section, to give to Lightning's Trainer.

    Raises:
        UserError: where a file that the section names is of no use.
    """
    return strategy_class(config).build(config, trainer, on_gpu)


def process_group(trainer: TrainerConfig, on_gpu: bool) -> dict[str, Any]:
    """Settings of the group of ranks, as Lightning's strategies take them. One rank alone gets a group of its own."""
    if trainer.ranks == 1:
        meet_alone(os.environ)
    return {"process_group_backend": "nccl" if on_gpu else "gloo", "timeout": TIMEOUT}
