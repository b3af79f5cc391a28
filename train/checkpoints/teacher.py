"""The model that `pretrain.distill` or `finetune.distill` names, and what its reading costs."""

from pipeline.config.distillation import DistillConfig
from pipeline.config.teachers import teacher_setting
from pipeline.errors import UserError
from train.checkpoints.named_model import NamedModel, named_model
from train.models import flops_per_token


def named_teacher(settings: DistillConfig, section: str) -> NamedModel:
    """
    Args:
        section: `pretrain` or `finetune`.

    Raises:
        UserError: where there is no such model.
    """
    setting = teacher_setting(section)
    if settings.teacher is None:
        raise UserError(f"{setting} is missing")
    return named_model(settings.teacher, setting)


def flops_with_teacher(
    flops: float | None, settings: DistillConfig | None, section: str, length: int
) -> float | None:
    """FLOPs of training per token, with those of the teacher where it reads along: a third of what training it would
    take, since it makes no gradients. None where one of the two is not known.

    Args:
        flops: of the student.
        length: tokens of a sequence.
    """
    if settings is None or settings.cache or flops is None:
        return flops
    teacher = named_teacher(settings, section)
    theirs = flops_per_token(teacher.config, 0, teacher.vocab_size, length)
    return None if theirs is None else flops + theirs / 3


def describe_teacher(settings: DistillConfig, section: str) -> str:
    """Who teaches, and how much it counts, for people to read."""
    teacher = named_teacher(settings, section)
    told = "" if settings.top_k is None else f", {settings.top_k} tokens of each told apart"
    return (
        f"{teacher.name}; {settings.weight:.0%} of the loss are its distributions, at temperature "
        f"{settings.temperature:g}{told}"
    )
