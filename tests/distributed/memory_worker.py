"""Trains two steps under a strategy and prints what each rank then holds: `memory_worker.py SETTINGS`, on ranks.

SETTINGS is JSON: strategy, optim and precision. One line of JSON per rank: bytes of all live tensors after the
backward pass of the second step, when parameters, gradients and optimizer states are there together.
"""

import gc
import json
import os
import sys

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from torch.utils.data import DataLoader

from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import LossGuardConfig, TrainerConfig
from train.guards.loss_guard import LossGuard
from train.guards.step_judge import StepJudge
from train.models import build_model
from train.module import LanguageModule
from train.preemption import StopRequest
from train.strategies.strategy import build_strategy

VOCAB = 4096
MODEL = DecoderConfig(layers=4, hidden=512, heads=8, mlp=2048, context=32)
STEPS = 2


def live_bytes(excluded: set[int]) -> int:
    """Of all tensors' storages in this process, each counted once."""
    storages = {}
    gc.collect()  # sees only what Python knows of, as gradients once they have been asked for
    for thing in gc.get_objects():
        if isinstance(thing, torch.Tensor) and thing.device.type == "cpu":
            local = getattr(thing, "_local_tensor", thing)
            storage = local.untyped_storage()
            if storage.data_ptr() not in excluded:
                storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def buckets(strategy: pl.strategies.Strategy) -> set[int]:
    """DeepSpeed's buffers for communication: reserved whole, and touched as far as gradients reach."""
    optimizer = getattr(getattr(strategy, "deepspeed_engine", None), "optimizer", None)
    found = []
    for bucket in getattr(optimizer, "ipg_buckets", {}).values():
        found += bucket.buffer if isinstance(bucket.buffer, list) else [bucket.buffer]
    return {tensor.untyped_storage().data_ptr() for tensor in found if tensor is not None}


class Measure(pl.Callback):
    bytes = 0

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer) -> None:
        if trainer.global_step == STEPS - 1:
            gradients = [p.grad for p in module.parameters()]
            self.bytes = live_bytes(buckets(trainer.strategy))
            del gradients


def main(settings: dict) -> None:
    torch.set_num_threads(1)
    world = int(os.environ.get("WORLD_SIZE", 1))
    trainer = TrainerConfig(
        steps=STEPS, global_batch=world, devices=world, precision=settings["precision"], accelerator="cpu"
    )
    strategy = build_strategy(StrategyConfig.choose(settings["strategy"]), trainer, on_gpu=False)
    torch.manual_seed(0)
    module = LanguageModule(
        build_model(MODEL, VOCAB),
        OptimizerConfig.choose(settings["optim"]),
        CosineSchedule(),
        STEPS,
        StepJudge(LossGuard(LossGuardConfig(action="off")), StopRequest()),
        seed=0,
    )
    ids = torch.randint(VOCAB, (MODEL.context,))
    examples = [{"input_ids": ids, "labels": ids, "loss_scale": 1 / MODEL.context}] * STEPS
    measure = Measure()
    pl.Trainer(
        accelerator="cpu",
        devices=world,
        strategy=strategy,
        plugins=[TorchElasticEnvironment() if world > 1 else LightningEnvironment()],
        precision=strategy.lightning_precision(settings["precision"]),
        max_steps=STEPS,
        callbacks=[measure],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    ).fit(module, DataLoader(examples, batch_size=1))
    print("\n" + json.dumps({"rank": int(os.environ.get("RANK", 0)), "bytes": measure.bytes}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
