"""The strategy itself, on top of Lightning's DDP, which averages the gradients."""

from typing import Any, ClassVar, Self

import torch.distributed as dist
from my_lab.dealt import DealtStrategy
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from pipeline.config.training import TrainerConfig
from train.strategies.strategy import TrainingStrategy, process_group


class Dealt(TrainingStrategy, DDPStrategy):
    replicates: ClassVar[bool] = False

    @classmethod
    def build(cls, config: DealtStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        return cls(**process_group(trainer, on_gpu))

    def setup_optimizers(self, trainer: Any) -> None:
        super().setup_optimizers(trainer)
        self._owner: dict[Tensor, int] = {}
        for group in self.own_optimizer.param_groups:
            for parameter in group["params"]:
                self._owner[parameter] = len(self._owner) % self.world_size
            group["params"] = [p for p in group["params"] if self._owner[p] == self.global_rank]

    def optimizer_step(self, *arguments: Any, **options: Any) -> Any:
        result = super().optimizer_step(*arguments, **options)
        self._tell()
        return result

    def weights_were_read(self) -> None:
        self._tell()

    def _tell(self) -> None:
        for parameter, owner in self._owner.items():
            dist.broadcast(parameter.detach(), owner)


STRATEGY = Dealt
