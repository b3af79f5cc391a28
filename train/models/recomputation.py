"""Which blocks keep only their input for the backward pass, and compute the rest again there."""

import torch


def recomputes(index: int, every: int) -> bool:
    """Whether the block of this index does now, as `TrainableModel.gradient_checkpointing` says with `every`."""
    return every > 0 and index % every == 0 and torch.is_grad_enabled()


def count_recomputed(blocks: int, every: int) -> int:
    """How many of so many blocks in a row do."""
    return -(-blocks // every) if every else 0
