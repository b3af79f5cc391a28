"""Two steps of a tiny model of each layout, under any strategy: for tests of what many ranks do."""

import os
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from torch.utils.data import DataLoader

from pipeline.config.models import ModelConfig
from pipeline.config.models.decoder import DecoderConfig
from pipeline.config.models.encoder import EncoderConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.models.lstm import LSTMConfig
from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.schedules.cosine import CosineSchedule
from pipeline.config.strategies import StrategyConfig
from pipeline.config.training import LossGuardConfig, TrainerConfig
from train.guards.loss_guard import LossGuard
from train.guards.step_judge import StepJudge
from train.models import TrainableModel
from train.models.weights import Weights
from train.module import LanguageModule
from train.preemption import StopRequest
from train.strategies.strategy import build_strategy

VOCAB, LENGTH, STEPS = 67, 8, 2
SIZES = {"layers": 6, "hidden": 32, "heads": 4, "mlp": 48, "context": LENGTH}
MODELS: dict[str, ModelConfig] = {
    "gpt2": DecoderConfig(layout="gpt2", **SIZES),
    "llama": DecoderConfig(layout="llama", kv_heads=2, tie_embeddings=False, **SIZES),
    "qwen3": DecoderConfig(layout="qwen3", kv_heads=2, **SIZES),
    "bert": EncoderConfig(layout="bert", **SIZES),
    "modernbert": EncoderConfig(layout="modernbert", window=4, tie_embeddings=False, **SIZES),
    "lstm": LSTMConfig(hidden=24, embedding=16, layers=2),
    "experts": HuggingFaceConfig(
        config={
            "model_type": "mixtral",
            "hidden_size": 32,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "num_local_experts": 4,
            "max_position_embeddings": LENGTH,
        },
        context=LENGTH,
    ),
}


def small_run(
    strategy: str,
    optimizer: str,
    model: TrainableModel,
    ranks: int,
    weights: Weights | None = None,
    *callbacks: pl.Callback,
    accumulation: int = 1,
    settings: dict[str, Any] | None = None,
    **options: object,
) -> LanguageModule:
    """Train a model of `MODELS` as one of so many ranks, and give its module.

    Args:
        weights: of a model on the meta device.
        settings: of the strategy.
        options: of the trainer.
    """
    fields = {"steps": STEPS, "devices": ranks, "accelerator": "cpu", "threads": 1}
    sizes = {"global_batch": ranks * accumulation, "micro_batch": 1}
    trainer = TrainerConfig(**fields | sizes | options)
    spread = build_strategy(StrategyConfig.choose(strategy, **settings or {}), trainer, on_gpu=False)
    module = LanguageModule(
        model,
        OptimizerConfig.choose(optimizer),
        CosineSchedule(),
        STEPS,
        StepJudge(LossGuard(LossGuardConfig(action="off")), StopRequest()),
        seed=0,
        weights=weights,
    )
    rank = int(os.environ.get("RANK", 0))
    ids = (torch.arange(LENGTH) + rank) % VOCAB  # so that gradients differ among ranks
    examples = [{"input_ids": ids, "labels": ids, "loss_scale": 1 / LENGTH}] * STEPS * accumulation
    lightning = pl.Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy=spread,
        plugins=[TorchElasticEnvironment() if ranks > 1 else LightningEnvironment()],
        precision=spread.lightning_precision(trainer.precision),
        max_steps=STEPS,
        accumulate_grad_batches=accumulation,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    lightning.fit(module, DataLoader(examples, batch_size=1))
    return module
