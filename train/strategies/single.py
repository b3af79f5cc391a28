"""One process without a group."""

from typing import Self

import torch
from pytorch_lightning.strategies import SingleDeviceStrategy

from pipeline.config.strategies.single import SingleStrategy
from pipeline.config.training import TrainerConfig
from train.models.sizes import ModelSizes
from train.strategies.memory import StrategyMemory, replicated
from train.strategies.strategy import TrainingStrategy


class Single(TrainingStrategy, SingleDeviceStrategy):
    """Lightning's strategy of one device."""

    @classmethod
    def build(cls, config: SingleStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        return cls(torch.device("cuda", 0) if on_gpu else torch.device("cpu"))

    @classmethod
    def memory(
        cls, config: SingleStrategy, trainer: TrainerConfig, sizes: ModelSizes, state_bytes: int, on_gpu: bool
    ) -> StrategyMemory:
        return replicated(sizes, state_bytes, trainer.precision == "bf16")


STRATEGY = Single
