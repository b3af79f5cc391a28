"""Trains two steps under each strategy with each optimizer, as one rank of many whose others are imagined.

`fake_group_worker.py RANKS RANK STRATEGIES`, the last as in ddp,fsdp. Torch's fake process group sends nothing, so that
numbers mean nothing, and shapes and placements are those of a real group of that size.
"""

import json
import os
import sys
from itertools import product

import torch
import torch.distributed as dist
from torch import Tensor
from torch.testing._internal.distributed.fake_pg import FakeStore

from tests.distributed.small_run import MODELS, STEPS, VOCAB, small_run
from train.checkpoints.pieces import WEIGHT
from train.models import build_model

OPTIMIZERS = ("adamw", "muon")


def cases(strategies: list[str]) -> list[tuple[str, str, str]]:
    """Muon needs matrices in layers, which torch's LSTM has not."""
    found = product(strategies, OPTIMIZERS, MODELS)
    return [case for case in found if case[1:] != ("muon", "lstm")]


def train(strategy: str, optimizer: str, model: str, ranks: int) -> int:
    """Elements of the optimizer's states on this rank after two steps."""
    torch.manual_seed(0)
    module = small_run(strategy, optimizer, build_model(MODELS[model], VOCAB), ranks)
    assert module.trainer.global_step == STEPS
    states = module.training_state().held()
    return sum(piece.tensor.numel() for piece in states if piece.kind != WEIGHT)


def exchange(received: Tensor, sent: Tensor, there: list[int], here: list[int], group: object) -> None:
    """Sees whether the sizes agree, and gives what a rank would have of its own."""
    assert received.numel() == sum(there)
    assert sent.numel() == sum(here)
    received.zero_()


def main(ranks: int, rank: int, strategies: list[str]) -> None:
    torch.set_num_threads(1)
    os.environ |= {"WORLD_SIZE": str(ranks), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "GROUP_RANK": "0"}
    os.environ["DS_ACCELERATOR"] = "cpu"
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=ranks)
    # Of nothing no objects can be made, and the fake exchange refuses a rank that sends none of its own.
    dist.broadcast_object_list = lambda *_, **__: None
    dist.all_to_all_single = exchange
    for case in cases(strategies):
        print("\n" + json.dumps({"case": case, "states": train(*case, ranks)}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","))
