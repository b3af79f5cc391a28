"""No fine-tuning."""

from typing import ClassVar, Literal

from pipeline.config.tasks.base import FinetuneConfig


class NoFinetuning(FinetuneConfig):
    """No fine-tuning: evaluate and export take the pretrained model."""

    enabled: ClassVar[bool] = False

    task: Literal["none"] = "none"
    """No task: the stage is left out."""
