"""Strategies by name, on GPUs and on CPUs alike."""

import os
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import (
    DDPStrategy,
    DeepSpeedStrategy,
    ModelParallelStrategy,
    SingleDeviceStrategy,
    Strategy,
)
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from pipeline.config.training import StrategyConfig, TrainerConfig
from pipeline.launch.loopback import meet_alone
from train.strategies.deepspeed_settings import deepspeed_settings
from train.strategies.extension_builds import prepare_builds

# A rank whose peers write, verify or load a large checkpoint waits for them.
TIMEOUT = timedelta(minutes=30)


def build_strategy(config: StrategyConfig, trainer: TrainerConfig, on_gpu: bool) -> Strategy:
    """The Lightning strategy of a `strategy` section.

    Raises:
        UserError: where the DeepSpeed JSON file is absent or not JSON.
    """
    if config.name == "single":
        return SingleDeviceStrategy(torch.device("cuda", 0) if on_gpu else torch.device("cpu"))
    if trainer.ranks == 1:
        meet_alone(os.environ)
    backend = "nccl" if on_gpu else "gloo"
    if config.name == "ddp":
        return DDPStrategy(process_group_backend=backend, gradient_as_bucket_view=True, timeout=TIMEOUT)
    if config.name == "fsdp":
        return FSDPStrategy(trainer.ranks, bf16=trainer.precision == "bf16", process_group_backend=backend)
    prepare_builds()
    settings = deepspeed_settings(config, on_gpu)
    settings.setdefault(
        "train_micro_batch_size_per_gpu", trainer.global_batch // trainer.ranks // trainer.accumulation
    )
    if on_gpu:
        return DeepSpeedStrategy(config=settings, process_group_backend=backend, timeout=TIMEOUT)
    # Read when deepspeed is first imported, which Lightning does on the strategy's construction.
    os.environ["DS_ACCELERATOR"] = "cpu"
    return CPUDeepSpeedStrategy(config=settings, process_group_backend=backend)


class FSDPStrategy(ModelParallelStrategy):
    """FSDP2 over all ranks: each block's parameters are gathered when it runs, and let go again."""

    def __init__(self, ranks: int, bf16: bool, **settings: Any):
        super().__init__(data_parallel_size=ranks, tensor_parallel_size=1, timeout=TIMEOUT, **settings)
        self._bf16 = bf16

    def shard(self, model: nn.Module) -> None:
        """Spread the model's parameters, in place; the ranks must hold equal ones."""
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if self._bf16 else None, reduce_dtype=torch.float32
        )
        mesh = self.device_mesh["data_parallel"]
        for block in model.blocks:
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(model, mesh=mesh, mp_policy=policy)


class CPUDeepSpeedStrategy(DeepSpeedStrategy):
    """DeepSpeed over gloo. Lightning refuses CPUs in two checks; DeepSpeed itself runs there."""

    def __init__(self, **settings: Any):
        super().__init__(timeout=TIMEOUT, **settings)

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
