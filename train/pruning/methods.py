"""What prunes weights: a module for each method of `pretrain.prune`, and what it is given."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from pipeline.config.models import ModelConfig
from pipeline.config.pruning import PruneConfig
from train.data.batches import Batch
from train.data.losses import Loss
from train.models import TrainableModel


@dataclass(frozen=True)
class Reader:
    """How a model reads text, on which device."""

    loss: Loss
    device: torch.device

    @torch.inference_mode()
    def mean_loss(self, model: TrainableModel, batches: Iterable[Batch]) -> float:
        """Per token of all of them, in nats."""
        total = tokens = 0.0
        for batch in batches:
            loss = self.loss(model, {name: tensor.to(self.device) for name, tensor in batch.items()})
            total, tokens = total + float(loss.total), tokens + float(loss.tokens)
        return total / max(tokens, 1.0)


@dataclass(frozen=True)
class Calibration:
    """Training text that a method may look at."""

    batches: list[Batch]
    reader: Reader

    def read(self, model: TrainableModel) -> None:
        """Have the model read all of it, for hooks on its layers."""
        self.reader.mean_loss(model, self.batches)


@dataclass(frozen=True)
class Pruned:
    """What a method gives."""

    model: TrainableModel
    """The one that was given, with some weights zero, or a smaller one."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What is to be told of it, for `pruning.json`."""


class PruningMethod(Protocol):
    """A module that a section of `pipeline/config/pruning/` names."""

    @staticmethod
    def check(config: Any, model: TrainableModel) -> None:
        """Look at the model, which may be on the meta device.

        Raises:
            UserError: where the method cannot prune it.
        """

    @staticmethod
    def prune(config: Any, model: TrainableModel, section: ModelConfig, calibration: Calibration) -> Pruned:
        """Prune the model, which may be changed for it.

        Args:
            section: of the model as it is afterwards.
        """
        ...


def method_of(config: PruneConfig) -> PruningMethod:
    """What prunes as a `pretrain.prune` section says."""
    return config.load(PruningMethod)
