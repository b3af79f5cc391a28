"""The loss of a student: of the text and of its teacher."""

import torch
from torch import nn

from pipeline.config.distillation import DistillConfig
from train.checkpoints.teacher import named_teacher
from train.data.batches import Batch
from train.data.losses import Loss, model_loss
from train.distillation.teacher import Teacher
from train.models import LossSum
from train.models.distillation import Distillation


def taught_loss(settings: DistillConfig | None, section: str, vocab_size: int, untaught: Loss) -> Loss:
    """The loss with the teacher of a section; without one what it is otherwise.

    Args:
        vocab_size: of the student.

    Raises:
        UserError: where the teacher's weights are gone or damaged.
    """
    if settings is None:
        return untaught
    return DistillationLoss(settings, Teacher.load(named_teacher(settings, section)), vocab_size)


class DistillationLoss:
    """A `Loss` of batches of input_ids, labels and perhaps segments. Where no gradients are made, as in validation, it
    is the student's own."""

    def __init__(self, settings: DistillConfig, teacher: Teacher, vocab_size: int):
        """Args: vocab_size: of the student."""
        self._settings, self._teacher, self._vocab_size = settings, teacher, vocab_size

    def __call__(self, model: nn.Module, batch: Batch) -> LossSum:
        if not torch.is_grad_enabled():
            return model_loss(model, batch)
        temperature = self._settings.temperature
        targets = self._teacher.read(batch["input_ids"], batch.get("segments"), self._vocab_size, temperature)
        distillation = Distillation(targets, temperature, self._settings.weight)
        loss: LossSum = model(**batch, regularization=distillation)
        return loss
