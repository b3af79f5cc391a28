"""Reads a checkpoint where each rank holds the whole training state."""

from collections.abc import Sequence

import torch

from train.checkpoints.files import Reader
from train.checkpoints.pieces import StatePiece, part_of
from train.strategies.strategy import TrainingStrategy


def fill_replicas(reader: Reader, pieces: Sequence[StatePiece], strategy: TrainingStrategy) -> None:
    """Give every piece its values, on all ranks: each reads its part of each piece, and they exchange what they read.

    So a file is opened by the few ranks whose part lies in it, and not by all.
    """
    rank, ranks = strategy.global_rank, strategy.world_size
    reader.fill(part for piece in pieces if (part := part_of(piece, rank, ranks)).tensor.numel())
    for piece in pieces:
        sizes = (torch.arange(ranks + 1) * piece.tensor.numel() // ranks).diff()  # as `part_of` cuts
        most = int(sizes.max())
        own = part_of(piece, rank, ranks).tensor
        sent = torch.cat([own, own.new_zeros(most - len(own))])  # of all ranks the same length
        found = strategy.all_gather(sent).view(ranks, most)
        piece.tensor.copy_(found[(torch.arange(most) < sizes[:, None]).to(found.device)])
