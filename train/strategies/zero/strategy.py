"""DeepSpeed's ZeRO as a strategy, on GPUs and on CPUs."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, cast

import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import DeepSpeedStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.config.strategies.zero import ZeroStrategy
from pipeline.config.training import TrainerConfig
from train.models.interface import TrainableModel
from train.models.sizes import ModelSizes
from train.models.weights import Weights, materialize
from train.strategies.memory import StrategyMemory
from train.strategies.shared_work import Function
from train.strategies.shares import Share
from train.strategies.strategy import TrainingStrategy, process_group
from train.strategies.zero.memory import zero_memory
from train.strategies.zero.partitions import WholeTensors
from train.strategies.zero.settings import deepspeed_settings
from train.strategies.zero.state import spread_master_weights, zero_shares


class Zero(TrainingStrategy, DeepSpeedStrategy):
    """DeepSpeed's engine, which accumulates, clips and steps by itself."""

    replicates: ClassVar[bool] = False

    _element: torch.dtype
    """That the model computes with."""
    _whole_blocks: bool
    """Whether ZeRO 3 gathers a block at once: where each layer gathered its own parameters when it is called, it would
    break the block's graph of torch.compile."""
    _whole_tensors: WholeTensors

    @classmethod
    def build(cls, config: ZeroStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        settings = deepspeed_settings(config, trainer, on_gpu)
        settings.setdefault(
            "train_micro_batch_size_per_gpu", trainer.global_batch // trainer.ranks // trainer.accumulation
        )
        if not on_gpu:
            # Read when deepspeed is first imported, which Lightning does on the strategy's construction.
            os.environ["DS_ACCELERATOR"] = "cpu"
        kind = cls if on_gpu else ZeroOnCPU
        strategy = cast(Self, kind(config=settings, **process_group(trainer, on_gpu)))
        strategy._element = torch.bfloat16 if trainer.precision == "bf16" else torch.float32
        strategy._whole_blocks = trainer.compile
        strategy._whole_tensors = WholeTensors()
        return strategy

    @classmethod
    def memory(
        cls, config: ZeroStrategy, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
    ) -> StrategyMemory:
        return zero_memory(config, trainer, sizes, state_bytes, on_gpu)

    @contextmanager
    def model_sharded_context(self) -> Generator[None]:
        """Around what spreads the model, which does so itself; Lightning's would cast all tensors that are made."""
        yield

    def shard(self, model: TrainableModel) -> None:
        if self.zero_stage_3:
            self._partition(model)
            self._gather_compiled(model)

    def materialize(self, model: TrainableModel, weights: Weights) -> None:
        if not self.zero_stage_3:
            super().materialize(model, weights)
            return
        # A block is partitioned as soon as it is whole, so that a rank never holds more than one, and what is in none.
        materialize(model, weights, self.root_device, self._partition)
        self._partition(model)
        self._gather_compiled(model)

    def _gather_compiled(self, model: TrainableModel) -> None:
        if self._whole_blocks and (kinds := {type(part) for part in model.compiled_parts}):
            from deepspeed.utils import set_z3_leaf_modules

            set_z3_leaf_modules(model, list(kinds))

    def _partition(self, module: nn.Module) -> None:
        """Leave each parameter's share on each rank, one parameter after the other, as DeepSpeed would do after it had
        moved the whole model to the device."""
        from deepspeed.runtime.zero.partition_parameters import Init, is_zero_param

        for parameter in module.parameters():
            if not is_zero_param(parameter) and parameter.is_floating_point():
                parameter.data = parameter.data.to(self._element)
        self._init_config_if_needed()
        Init(module=module, config_dict_or_path=self.config, dtype=self._element)

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
        function: Function,
    ) -> list[Tensor]:
        return self._whole_tensors.map_whole(parameters, tensors, function)


class ZeroOnCPU(Zero):
    """DeepSpeed over gloo. Lightning refuses CPUs in two checks; DeepSpeed itself runs there."""

    def setup_environment(self) -> None:
        assert isinstance(self.accelerator, CPUAccelerator)
        self.accelerator.setup_device(self.root_device)
        self.setup_distributed()

    def setup_distributed(self) -> None:
        import deepspeed

        # DeepSpeed would first compile this, for a minute or more, and needs it for inference alone.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        self.set_world_ranks()
        self._init_deepspeed_distributed()

    @property
    def root_device(self) -> torch.device:
        return torch.device("cpu", 0)  # DeepSpeed asks for an index


STRATEGY = Zero
