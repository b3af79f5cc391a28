"""Trains with Muon under ZeRO 1, 2 and 3 and saves the weights: `muon_zero_worker.py FOLDER`, on ranks."""

import os
import sys
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.optimizers import OptimizerConfig
from train.models import build_model
from train.optim import build_optimizer
from train.strategies.zero.partitions import WholeTensors

CLIP = 0.5
STEPS, ROWS, VOCAB, CONTEXT = 4, 4, 50, 12
# Odd sizes or numbers, so that slices cut through matrices and need padding.
MODELS = {
    "gpt2": DecoderConfig(layout="gpt2", layers=2, hidden=20, heads=2, mlp=33, context=CONTEXT),
    "mixtral": HuggingFaceConfig(
        config={
            "model_type": "mixtral",
            "hidden_size": 20,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "intermediate_size": 12,
            "num_local_experts": 3,
            "num_experts_per_tok": 2,
        },
        context=CONTEXT,
    ),
}


def setting(name: str) -> tuple[nn.Module, torch.optim.Optimizer, Tensor]:
    """The same model, optimizer and batches [STEPS, ROWS, CONTEXT + 1] on every rank."""
    torch.manual_seed(0)
    model = build_model(MODELS[name], VOCAB)
    optimizer = build_optimizer(model, OptimizerConfig.choose("muon", lr=1e-2))
    return model, optimizer, torch.randint(VOCAB, (STEPS, ROWS, CONTEXT + 1))


def train_under_zero(name: str, stage: int) -> dict[str, Tensor]:
    import deepspeed

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    model, optimizer, batches = setting(name)
    optimizer.map_whole = WholeTensors().map_whole
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
        total, tokens, *_ = engine(ids[rank::world, :-1], ids[rank::world, 1:])
        engine.backward(total / tokens)
        engine.step()
    with deepspeed.zero.GatheredParameters(list(model.parameters()), enabled=stage == 3):
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}


if __name__ == "__main__":
    os.environ["DS_ACCELERATOR"] = "cpu"  # read when deepspeed is imported
    torch.set_num_threads(1)
    for name, stage in product(MODELS, (1, 2, 3)):
        state = train_under_zero(name, stage)
        if os.environ["RANK"] == "0":
            torch.save(state, Path(sys.argv[1]) / f"{name}-zero{stage}.pt")
