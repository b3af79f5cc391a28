"""What is minimized: a loss that is made of a model and a batch."""

from collections.abc import Callable

from torch import nn

from train.data.batches import Batch
from train.models import LossSum

Loss = Callable[[nn.Module, Batch], LossSum]
"""The summed loss of a model on a batch."""


def model_loss(model: nn.Module, batch: Batch) -> LossSum:
    """What the model itself gives where it is called with labels."""
    loss: LossSum = model(**batch)
    return loss
