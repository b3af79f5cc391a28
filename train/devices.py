"""The GPUs that a training asks for, and those that are there."""

import torch

from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.text.counts import counted


def check_gpus(trainer: TrainerConfig) -> None:
    """Raises: UserError: where fewer GPUs are visible on this machine than it asks for."""
    visible = torch.cuda.device_count()
    if visible >= trainer.devices:
        return
    fewer = f"trainer.devices={visible}, " if visible else ""
    raise UserError(
        f"the trainer asks for {counted(trainer.devices, 'GPU')}, and {visible or 'none'} can be seen on this machine; "
        f"set {fewer}trainer.accelerator=cpu (trainer=cpu), or check CUDA_VISIBLE_DEVICES"
    )
