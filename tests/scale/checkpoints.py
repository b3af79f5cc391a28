"""A checkpoint that so many ranks write, and others go on from: `Checkpoints` of every rank, in a thread each."""

import time
from pathlib import Path

import torch
from torch import nn

from tests.scale.opens import counted_opens
from tests.scale.table import Figures
from tests.scale.world import PlayedRank, World
from train.checkpoints.manager import Checkpoints
from train.checkpoints.training_state import TrainingState
from train.optim import adamw

STEP = 10
MATRICES, COLUMNS = 4, 3


def model_of(ranks: int) -> nn.ParameterDict:
    """Matrices of two rows for each of so many ranks, filled with numbers that tell where they are."""
    size = 2 * ranks * COLUMNS
    return nn.ParameterDict(
        {
            f"m{number}": nn.Parameter((torch.arange(size) + number * size).float().view(-1, COLUMNS))
            for number in range(MATRICES)
        }
    )


def save(folder: Path, ranks: int, by_rows: bool) -> dict[int, Figures]:
    """Write a checkpoint. Gives the figures of each rank."""
    model, world, started = model_of(ranks), World(ranks), time.process_time()
    with counted_opens(folder) as opens:

        def act(rank: int) -> None:
            opens.this_thread_is(rank)
            strategy = PlayedRank(world, rank, model, by_rows)
            state = TrainingState(model, strategy, adamw)
            for piece in state.held():
                if piece.kind != "weight":
                    piece.tensor.fill_(rank)
            checkpoints = Checkpoints(folder, 1, 0, strategy, "played")
            checkpoints.save(
                state,
                step=STEP,
                tokens=1,
                validation_loss=None,
                train_loss=None,
                running={},
                guard={},
                monitor={},
            )
            checkpoints.finish()

        world.play(act)
    return _figures(world, opens.counts, time.process_time() - started)


def resume(folder: Path, written_by: int, ranks: int, by_rows: bool) -> dict[int, Figures]:
    """Go on from the checkpoint that `save` has written. Gives the figures of each rank.

    Raises:
        ValueError: where a rank reads other weights than were written.
    """
    model, world, started = model_of(written_by), World(ranks), time.process_time()
    empty = nn.ParameterDict({name: torch.zeros_like(p) for name, p in model.items()})
    with counted_opens(folder) as opens:

        def act(rank: int) -> None:
            opens.this_thread_is(rank)
            strategy = PlayedRank(world, rank, empty, by_rows)
            state = TrainingState(empty, strategy, adamw)
            checkpoints = Checkpoints(folder, 1, 0, strategy, "played")
            found = checkpoints.newest_intact()
            if found is None or found.step != STEP:
                raise ValueError(f"rank {rank} of {ranks} does not find the checkpoint")
            checkpoints.load(found, state)
            for piece in state.held():
                wanted = model[piece.name].detach().view(-1)
                end = piece.start + piece.tensor.numel()
                if piece.kind == "weight" and not piece.tensor.equal(wanted[piece.start : end]):
                    raise ValueError(f"rank {rank} of {ranks} reads other weights than were written")

        world.play(act)
    return _figures(world, opens.counts, time.process_time() - started)


def _figures(world: World, opens: dict[int, int], seconds: float) -> dict[int, Figures]:
    """The time is that of all ranks together, divided by their number."""
    return {
        rank: Figures(
            seconds / world.ranks, opens.get(rank, 0), world.collectives[rank], world.received[rank]
        )
        for rank in range(world.ranks)
    }
