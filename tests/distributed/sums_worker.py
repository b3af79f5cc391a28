"""Trains in bf16 under ZeRO, with gradients summed in fp32 and in bf16: on ranks.

One line of JSON per case, of rank 0: of the gradients that the optimizer gets, the share of elements that bf16 cannot
hold.
"""

import json
import os
from itertools import product

import pytorch_lightning as pl
import torch

from tests.distributed.small_run import MODELS, VOCAB, small_run
from train.checkpoints.pieces import WEIGHT
from train.models import build_model
from train.module import LanguageModule

CASES = [("zero1", 2), ("zero2", 1), ("zero2", 2), ("zero3", 2), ("zero2_offload", 2)]
"""Strategy, and micro-batches per step."""


class Gradients(pl.Callback):
    """Looks at what the optimizer gets."""

    finer = elements = 0

    def on_train_start(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        module.strategy.own_optimizer.register_step_pre_hook(self._look)

    def _look(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            for gradient in (p.grad for p in group["params"] if p.grad is not None):
                self.finer += int((gradient != gradient.bfloat16()).sum())
                self.elements += int((gradient != 0).sum())


def train(strategy: str, accumulation: int, gradients: str) -> float:
    """The share of the gradients' elements that bf16 cannot hold."""
    torch.manual_seed(0)
    look, model = Gradients(), build_model(MODELS["llama"], VOCAB)
    options = {"accumulation": accumulation, "precision": "bf16", "settings": {"gradients": gradients}}
    module = small_run(strategy, "adamw", model, int(os.environ["WORLD_SIZE"]), None, look, **options)
    weights = [piece for piece in module.training_state().held() if piece.kind == WEIGHT]
    assert sum(piece.tensor.numel() for piece in weights)
    assert all(piece.tensor.isfinite().all() for piece in weights)
    return look.finer / look.elements


def main() -> None:
    torch.set_num_threads(1)
    for (strategy, accumulation), gradients in product(CASES, ("fp32", "bf16")):
        finer = train(strategy, accumulation, gradients)
        if os.environ["RANK"] == "0":
            case = (strategy, accumulation, gradients)
            print("\n" + json.dumps({"case": case, "finer": finer}), flush=True)


if __name__ == "__main__":
    main()
