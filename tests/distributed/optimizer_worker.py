"""Trains with each optimizer under each strategy and saves the weights: `optimizer_worker.py FOLDER`, on ranks."""

import os
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from pipeline.config.optimizers import OptimizerConfig
from tests.train.guard_worker import train
from train.optim.only_rows import OnlyRows
from train.strategies.shared_work import map_in_shares
from train.strategies.whole_rows import map_whole_rows

STRATEGIES = ("ddp", "fsdp", "zero1", "zero2", "zero3")
OPTIMIZERS = ("adamw", "muon")
STEPS, FIRST_ROW = 4, 5
SHAPES = ((5, 3), (2, 7), (9, 4), (5, 3), (1, 6), (3, 2, 2), (16, 16))
"""Of tensors whose rows do not divide among four ranks."""


def train_with(optimizer: str, folder: Path, strategy: str, ranks: int) -> dict[str, torch.Tensor] | None:
    """The weights after a few steps; None on all ranks but the first."""
    optim = OptimizerConfig.choose(optimizer, lr=1e-2)
    result = train(folder, "off", strategy, ranks, bad_steps=(), optim=optim, steps=STEPS, checkpoint_every=0)
    return result.state


def train_rows(folder: Path, strategy: str, ranks: int) -> dict[str, torch.Tensor] | None:
    """The same by Muon, which trains the token rows from `FIRST_ROW` on alone."""
    optim = OptimizerConfig.choose("muon", lr=1e-2)
    rows = OnlyRows(frozenset({"decoder.model.embed_tokens.weight"}), FIRST_ROW, STEPS)
    result = train(
        folder,
        "off",
        strategy,
        ranks,
        bad_steps=(),
        optim=optim,
        only_rows=rows,
        steps=STEPS,
        checkpoint_every=0,
    )
    return result.state


def check_whole_rows() -> None:
    """A function of whole tensors gives what it gives in one process, for more and for fewer tensors than ranks."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for count in (1, 3, len(SHAPES)):
        torch.manual_seed(count)
        wholes = [torch.randn(shape) for shape in SHAPES[:count]]
        sharded = [distribute_tensor(whole, mesh, [Shard(0)]) for whole in wholes]
        found = map_whole_rows(sharded, lambda tensors: [tensor * tensor.sum() for tensor in tensors])
        for whole, result in zip(wholes, found, strict=True):
            torch.testing.assert_close(result.full_tensor(), whole * whole.sum())


def check_shares() -> None:
    """Each rank works on its share alone, and all have all results; for more and for fewer tensors than ranks."""
    calls: list[int] = []

    def double(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        calls.append(len(tensors))
        return [2 * tensor for tensor in tensors]

    rank, ranks = dist.get_rank(), dist.get_world_size()
    for count in (1, 3, len(SHAPES)):
        calls.clear()
        torch.manual_seed(count)
        wholes = [torch.randn(shape) for shape in SHAPES[:count]]
        for whole, result in zip(wholes, map_in_shares(wholes, double), strict=True):
            torch.testing.assert_close(result, 2 * whole)
        assert sum(calls) == len(range(rank, count, ranks))


def save(state: dict[str, torch.Tensor] | None, path: Path) -> None:
    if state:
        save_file({key: tensor.clone() for key, tensor in state.items()}, path)


def main(folder: Path) -> None:
    ranks = int(os.environ["WORLD_SIZE"])
    for strategy, optimizer in product(STRATEGIES, OPTIMIZERS):
        name = f"{strategy}-{optimizer}"
        save(train_with(optimizer, folder / name, strategy, ranks), folder / f"{name}.safetensors")
    for strategy in STRATEGIES:
        name = f"{strategy}-rows"
        save(train_rows(folder / name, strategy, ranks), folder / f"{name}.safetensors")
    check_whole_rows()
    check_shares()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
