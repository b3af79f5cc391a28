"""Which blocks keep only their input for the backward pass, and compute the rest again there."""

from collections.abc import Collection

import torch


def recomputes(index: int, every: int) -> bool:
    """Whether the block of this index does now, as `TrainableModel.gradient_checkpointing` says with `every`."""
    return _is_recomputed(index, every) and torch.is_grad_enabled()


def count_recomputed(blocks: Collection[int], every: int) -> int:
    """How many of the blocks with these indices do."""
    return sum(_is_recomputed(index, every) for index in blocks)


def count_in_full(blocks: Collection[int], every: int) -> int:
    """Of how many of these blocks everything is held at once: of those that are not recomputed, and of one that is."""
    again = count_recomputed(blocks, every)
    return len(blocks) - again + min(again, 1)


def _is_recomputed(index: int, every: int) -> bool:
    return every > 0 and index % every == 0
