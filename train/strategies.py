"""Strategies by name, on GPUs and on CPUs alike."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import DDPStrategy, DeepSpeedStrategy, SingleDeviceStrategy, Strategy

from pipeline.config.training import StrategyConfig, TrainerConfig
from pipeline.errors import UserError

ZERO_STAGES = {"zero1": 1, "zero2": 2, "zero3": 3}


def build_strategy(config: StrategyConfig, trainer: TrainerConfig, on_gpu: bool) -> Strategy:
    """The Lightning strategy of a `strategy` section.

    Raises:
        UserError: where the DeepSpeed JSON file is absent or not JSON.
    """
    if config.name == "single":
        return SingleDeviceStrategy(torch.device("cuda", 0) if on_gpu else torch.device("cpu"))
    backend = "nccl" if on_gpu else "gloo"
    if config.name == "ddp":
        return DDPStrategy(process_group_backend=backend, gradient_as_bucket_view=True)
    settings = (
        _read_settings(config) if config.deepspeed else _zero_settings(ZERO_STAGES[config.name], on_gpu)
    )
    settings.setdefault(
        "train_micro_batch_size_per_gpu", trainer.global_batch // trainer.ranks // trainer.accumulation
    )
    if on_gpu:
        return DeepSpeedStrategy(config=settings, process_group_backend=backend)
    # Read when deepspeed is first imported, which Lightning does on the strategy's construction.
    os.environ["DS_ACCELERATOR"] = "cpu"
    return CPUDeepSpeedStrategy(config=settings, process_group_backend=backend)


def _zero_settings(stage: int, on_gpu: bool) -> dict[str, Any]:
    return {
        "zero_optimization": {"stage": stage, "overlap_comm": on_gpu, "contiguous_gradients": True},
        # Optimizers other than DeepSpeed's own, as ours, are "untested" to it.
        "zero_allow_untested_optimizer": True,
    }


def _read_settings(config: StrategyConfig) -> dict[str, Any]:
    path = Path(config.deepspeed)
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"strategy.deepspeed={path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"strategy.deepspeed={path} is not JSON: {error}") from None


class CPUDeepSpeedStrategy(DeepSpeedStrategy):
    """DeepSpeed over gloo. Lightning refuses CPUs in two checks; DeepSpeed itself runs there."""

    def __init__(self, **settings: Any):
        super().__init__(timeout=timedelta(minutes=30), **settings)

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
