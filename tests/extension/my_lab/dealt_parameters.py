"""The strategy itself, on top of Lightning's DDP, which averages the gradients."""

from typing import Any, ClassVar, Self

import torch.distributed as dist
from my_lab.dealt import DealtStrategy
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn

from pipeline.config.training import TrainerConfig
from train.strategies.shares import Share
from train.strategies.strategy import TrainingStrategy, process_group


class Dealt(TrainingStrategy, DDPStrategy):
    replicates: ClassVar[bool] = False

    @classmethod
    def build(cls, config: DealtStrategy, trainer: TrainerConfig, on_gpu: bool) -> Self:
        return cls(**process_group(trainer, on_gpu))

    def owners(self) -> dict[Tensor, int]:
        """The rank that steps each parameter."""
        parameters = [p for group in self.own_optimizer.param_groups for p in group["params"]]
        return {parameter: number % self.world_size for number, parameter in enumerate(parameters)}

    def clip_gradients(self, model: nn.Module, limit: float) -> None:
        super().clip_gradients(model, limit)
        for parameter, owner in self.owners().items():
            if owner != self.global_rank:
                parameter.grad = None  # so that the optimizer passes it over

    def optimizer_step(self, *arguments: Any, **options: Any) -> Any:
        result = super().optimizer_step(*arguments, **options)
        self.tell()
        return result

    def tell(self) -> None:
        for parameter, owner in self.owners().items():
            dist.broadcast(parameter.detach(), owner)

    def shares(self, model: nn.Module) -> list[Share]:
        owners = self.owners()
        return [share for share in super().shares(model) if owners[share.tensor] == self.global_rank]

    def weights_were_read(self) -> None:
        self.tell()


STRATEGY = Dealt
