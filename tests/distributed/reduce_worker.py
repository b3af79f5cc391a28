"""Trains under FSDP with gradients summed over ranks after each micro-batch and once a step: on ranks.

One line of JSON per setting, of rank 0: reductions in a step, and the largest difference of a weight to the first
setting's.
"""

import json
import os

import pytorch_lightning as pl
import torch
import torch.distributed as dist

from tests.distributed.small_run import MODELS, STEPS, VOCAB, small_run
from train.checkpoints.pieces import WEIGHT
from train.models import build_model

ACCUMULATION = 3
SETTINGS = ("micro_batch", "step")
NAME = "reduce_scatter_single" if hasattr(dist, "reduce_scatter_single") else "reduce_scatter_tensor"
"""What torch calls it, since 2.13 and before."""


class Reductions(pl.Callback):
    """Counts them."""

    count = 0

    def on_train_start(self, *_: object) -> None:
        self._reduce = getattr(dist, NAME)
        setattr(dist, NAME, self._counted)

    def on_train_end(self, *_: object) -> None:
        setattr(dist, NAME, self._reduce)

    def _counted(self, *args: object, **options: object) -> object:
        self.count += 1
        return self._reduce(*args, **options)


def train(reduce: str) -> tuple[float, torch.Tensor]:
    """Reductions in a step, and this rank's weights."""
    torch.manual_seed(0)
    reductions, model = Reductions(), build_model(MODELS["llama"], VOCAB)
    options = {"accumulation": ACCUMULATION, "settings": {"reduce": reduce}}
    module = small_run("fsdp", "adamw", model, int(os.environ["WORLD_SIZE"]), None, reductions, **options)
    weights = [piece.tensor.reshape(-1) for piece in module.training_state().held() if piece.kind == WEIGHT]
    return reductions.count / STEPS, torch.cat(weights)


def main() -> None:
    torch.set_num_threads(1)
    first: torch.Tensor | None = None
    for reduce in SETTINGS:
        count, weights = train(reduce)
        first = weights if first is None else first
        apart = (weights - first).abs().max().item()
        if os.environ["RANK"] == "0":
            print("\n" + json.dumps({"reduce": reduce, "count": count, "apart": apart}), flush=True)


if __name__ == "__main__":
    main()
