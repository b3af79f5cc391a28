"""DeepSpeed's ZeRO as a strategy, on GPUs and on CPUs."""

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, cast

import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import DeepSpeedStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.config.strategies.zero import ZeroStrategy
from pipeline.config.training import TrainerConfig
from train.models.sizes import ModelSizes
from train.strategies.memory import StrategyMemory
from train.strategies.shares import Share
from train.strategies.strategy import TrainingStrategy, process_group
from train.strategies.zero.extension_builds import prepare_builds
from train.strategies.zero.memory import zero_memory
from train.strategies.zero.partitions import map_whole
from train.strategies.zero.settings import deepspeed_settings
from train.strategies.zero.state import spread_master_weights, zero_shares


class Zero(TrainingStrategy, DeepSpeedStrategy):
    """DeepSpeed's engine, which accumulates, clips and steps by itself."""

    replicates: ClassVar[bool] = False

    @classmethod
    def build(cls, config: ZeroStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        prepare_builds()
        settings = deepspeed_settings(config, on_gpu)
        settings.setdefault(
            "train_micro_batch_size_per_gpu", trainer.global_batch // trainer.ranks // trainer.accumulation
        )
        if not on_gpu:
            # Read when deepspeed is first imported, which Lightning does on the strategy's construction.
            os.environ["DS_ACCELERATOR"] = "cpu"
        kind = cls if on_gpu else ZeroOnCPU
        return cast(Self, kind(config=settings, **process_group(trainer, on_gpu)))

    @classmethod
    def memory(
        cls, config: ZeroStrategy, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
    ) -> StrategyMemory:
        return zero_memory(config, trainer, sizes, state_bytes, on_gpu)

    @property
    def zero_optimizer(self) -> Any:
        """What DeepSpeed wraps around the optimizer."""
        return self.deepspeed_engine.optimizer

    def clip_gradients(self, model: nn.Module, limit: float) -> None:
        """The engine does, within its step: Lightning tells it the limit."""

    def grad_norm(self) -> Tensor | None:
        # Known within the optimizer's step already; the engine's own is set after it.
        norm = getattr(self.zero_optimizer, "_global_grad_norm", None)
        return None if norm is None else torch.as_tensor(norm)

    @property
    def own_optimizer(self) -> Optimizer:
        return self.zero_optimizer.optimizer

    def shares(self, model: nn.Module) -> list[Share]:
        return zero_shares(self.zero_optimizer)

    def weights_were_read(self) -> None:
        spread_master_weights(self.zero_optimizer)

    def map_whole(
        self,
        parameters: Sequence[nn.Parameter],
        tensors: Sequence[Tensor],
        function: Callable[[Sequence[Tensor]], list[Tensor]],
    ) -> list[Tensor]:
        return map_whole(parameters, tensors, function)


class ZeroOnCPU(Zero):
    """DeepSpeed over gloo. Lightning refuses CPUs in two checks; DeepSpeed itself runs there."""

    def setup_environment(self) -> None:
        assert isinstance(self.accelerator, CPUAccelerator)
        self.accelerator.setup_device(self.root_device)
        self.setup_distributed()

    def setup_distributed(self) -> None:
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @property
    def root_device(self) -> torch.device:
        return torch.device("cpu", 0)  # DeepSpeed asks for an index


STRATEGY = Zero
