"""Compares the weights that ranks start with with those of one process: `start_worker.py STRATEGIES`, on ranks."""

import os
import sys
from itertools import product

import pytorch_lightning as pl
import torch

from tests.distributed.small_run import MODELS, VOCAB, small_run
from train.checkpoints.pieces import WEIGHT
from train.models import TrainableModel, build_model, family
from train.models.sizes import build_on_meta
from train.models.weights import FreshWeights
from train.module import LanguageModule

SEED = 5


class Compare(pl.Callback):
    """At the start of training all that a rank holds is what the model of one process has at that place."""

    compared = 0

    def __init__(self, expected: TrainableModel):
        self._expected = dict(expected.named_parameters())

    def on_train_start(self, trainer: pl.Trainer, module: LanguageModule) -> None:
        for piece in module.training_state().held():
            if piece.kind == WEIGHT:
                whole = self._expected[piece.name].detach().flatten()
                expected = whole[piece.start : piece.start + piece.tensor.numel()]
                assert torch.equal(piece.tensor, expected), piece.name
                self.compared += len(expected)


def main(strategies: list[str]) -> None:
    torch.set_num_threads(1)
    ranks = int(os.environ["WORLD_SIZE"])
    for strategy, (name, config) in product(strategies, MODELS.items()):
        torch.manual_seed(SEED)
        expected = build_model(config, VOCAB)
        compare = Compare(expected)
        torch.manual_seed(SEED)
        if family(config).draws_by_layer:
            model = build_on_meta(config, VOCAB)
            small_run(strategy, "adamw", model, ranks, FreshWeights(model), compare)
        else:
            small_run(strategy, "adamw", build_model(config, VOCAB), ranks, None, compare)
        print(f"\n{strategy} {name}: {compare.compared} elements", flush=True)


if __name__ == "__main__":
    main(sys.argv[1].split(","))
