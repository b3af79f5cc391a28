"""Trains with Muon under ZeRO 1, 2 and 3 and saves the weights: `muon_zero_worker.py FOLDER`, on ranks."""

import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config.model import DecoderConfig
from pipeline.config.optimizers import OptimizerConfig
from train.models import build_model
from train.optim import build_optimizer

CLIP = 0.5
STEPS, ROWS, VOCAB, CONTEXT = 4, 4, 50, 12


def setting() -> tuple[nn.Module, torch.optim.Optimizer, Tensor]:
    """The same model, optimizer and batches [STEPS, ROWS, CONTEXT + 1] on every rank."""
    torch.manual_seed(0)
    # Odd sizes, so that slices cut through matrices and need padding.
    model = build_model(
        DecoderConfig(layout="gpt2", layers=2, hidden=20, heads=2, mlp=33, context=CONTEXT), VOCAB
    )
    optimizer = build_optimizer(model, OptimizerConfig.choose("muon", lr=1e-2))
    return model, optimizer, torch.randint(VOCAB, (STEPS, ROWS, CONTEXT + 1))


def train_under_zero(stage: int) -> dict[str, Tensor]:
    import deepspeed

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    model, optimizer, batches = setting()
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        config={
            "train_micro_batch_size_per_gpu": ROWS // world,
            "gradient_clipping": CLIP,
            "zero_optimization": {"stage": stage},
            "zero_allow_untested_optimizer": True,
        },
    )
    for ids in batches:
        total, tokens = engine(ids[rank::world, :-1], ids[rank::world, 1:])
        engine.backward(total / tokens)
        engine.step()
    with deepspeed.zero.GatheredParameters(list(model.parameters()), enabled=stage == 3):
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}


if __name__ == "__main__":
    os.environ["DS_ACCELERATOR"] = "cpu"  # read when deepspeed is imported
    torch.set_num_threads(1)
    for stage in (1, 2, 3):
        state = train_under_zero(stage)
        if os.environ["RANK"] == "0":
            torch.save(state, Path(sys.argv[1]) / f"zero{stage}.pt")
