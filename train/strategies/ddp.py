"""Whole copies of the model, whose gradients are averaged."""

from typing import Self

from pytorch_lightning.strategies import DDPStrategy

from pipeline.config import strategies
from pipeline.config.training import TrainerConfig
from train.models.sizes import ModelSizes
from train.strategies.memory import StrategyMemory, replicated
from train.strategies.strategy import TrainingStrategy, process_group


class DDP(TrainingStrategy, DDPStrategy):
    """Lightning's DDP: torch's DistributedDataParallel."""

    @classmethod
    def build(cls, config: strategies.StrategyConfig, trainer: TrainerConfig, on_gpu: bool) -> Self:
        # Buffers, as rotary tables, are equal on all ranks from the start: they need not be sent at each step.
        return cls(gradient_as_bucket_view=True, broadcast_buffers=False, **process_group(trainer, on_gpu))

    @classmethod
    def memory(
        cls,
        config: strategies.StrategyConfig,
        trainer: TrainerConfig,
        sizes: ModelSizes,
        state_bytes: int,
        on_gpu: bool,
    ) -> StrategyMemory:
        return replicated(sizes, state_bytes, trainer.precision == "bf16")


STRATEGY = DDP
