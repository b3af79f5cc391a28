"""The loss of a student: of the text and of its teacher."""

from collections.abc import Callable

import torch
from torch import nn

from pipeline.config.distillation import DistillConfig
from train.data.batches import Batch
from train.data.losses import model_loss
from train.distillation.taught import LOG_PROBS, TOKENS
from train.distillation.teacher import Teacher
from train.models import LossSum
from train.models.distillation import Distillation, SoftTargets
from train.models.top_tokens import TopTokens

Teaching = Callable[[Batch], SoftTargets]
"""What a teacher says of a batch of input_ids, labels and perhaps segments."""


class DistillationLoss:
    """A `Loss`. Where no gradients are made, as in validation, it is the student's own."""

    def __init__(self, settings: DistillConfig, teaching: Teaching):
        self._settings, self._teaching = settings, teaching

    def __call__(self, model: nn.Module, batch: Batch) -> LossSum:
        if not torch.is_grad_enabled():
            return model_loss(model, batch)
        distillation = Distillation(self._teaching(batch), self._settings.temperature, self._settings.weight)
        given = {name: tensor for name, tensor in batch.items() if name not in (TOKENS, LOG_PROBS)}
        loss: LossSum = model(**given, regularization=distillation)
        return loss


def live(teacher: Teacher, vocab_size: int, temperature: float, top_k: int | None) -> Teaching:
    """The teacher reads each batch.

    Args:
        vocab_size: of the student.
        top_k: how many tokens are told apart; None tells all.
    """

    def read(batch: Batch) -> SoftTargets:
        said = teacher.read(batch["input_ids"], batch.get("segments"), vocab_size, temperature)
        return said if top_k is None else TopTokens.of(said, batch["labels"].numel(), top_k)

    return read


def from_batch(batch: Batch) -> SoftTargets:
    """What the teacher has said before, which the batch brings along."""
    return TopTokens(batch[TOKENS].flatten(0, 1), batch[LOG_PROBS].flatten(0, 1))
