"""Predicts a pretraining run for `make dryrun`: steps, tokens, FLOPs, memory, disk. Builds no weights."""

import math

from pipeline.config.root import RootConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.forecast import Forecast
from train.memory import FP32, model_sizes
from train.memory_check import Limit, Plan, check, known_limit, runs_on_gpu
from train.models.flops import flops_per_token

_COMPONENTS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "buffers": "strategy's buffers",
    "activations": "activations",
    "loss": "logits and loss",
    "step": "optimizer's step",
    "runtime": "runtime",
}


def forecast(root: RootConfig, vocab_size: int, train_tokens: int | None) -> Forecast:
    """The pretrain stage of a configuration.

    Args:
        train_tokens: of the shards' training split; None where they are not built yet.
    """
    trainer = root.trainer
    on_gpu = runs_on_gpu(trainer)
    plan = Plan(root.model, vocab_size, root.optim, trainer, root.strategy, on_gpu)
    limit, memory = known_limit(trainer, on_gpu), plan.memory()
    sizes = model_sizes(root.model.model_dump_json(), vocab_size)
    muon = sizes.hidden_matrices if root.optim.name == "muon" else 0
    checkpoint = FP32 * (3 * sizes.parameters - muon)  # weights and the optimizer's states
    kept = trainer.keep_last + 2  # the best one besides, and one that is being written
    facts = {
        "model": f"{sizes.parameters:,} parameters, {vocab_size:,} token ids",
        "ranks": f"{trainer.ranks} ({trainer.nodes} × {trainer.devices}), strategy {root.strategy.name}, "
        f"{trainer.precision}, {'GPU' if on_gpu else 'CPU'}",
        **_work(root, vocab_size, train_tokens),
        "checkpoint": f"{_gb(checkpoint)} each, up to {kept} at a time; final model {_gb(FP32 * sizes.parameters)}",
    }
    return Forecast(
        facts,
        {label: getattr(memory, name) for name, label in _COMPONENTS.items()},
        memory.host,
        _limit(limit),
        kept * checkpoint + FP32 * sizes.parameters,
        _refusal(plan, limit),
    )


def _work(root: RootConfig, vocab_size: int, train_tokens: int | None) -> dict[str, str]:
    """Batch, steps, tokens and FLOPs."""
    trainer = root.trainer
    length = trainer.sequence_length or root.model.context
    per_step = trainer.global_batch * length
    rows = trainer.global_batch // trainer.ranks // trainer.accumulation
    batch = {
        "batch": f"{trainer.global_batch} × {length:,} = {per_step:,} tokens per step; per rank "
        f"{trainer.accumulation} × {rows} sequence{'s' if rows > 1 else ''}"
    }
    steps = _steps(trainer, length, train_tokens)
    if steps is None:
        return batch | {
            "steps": f"{trainer.epochs:g} epochs; how many steps is known when the shards are built"
        }
    tokens = steps * per_step
    flops = tokens * flops_per_token(root.model, vocab_size, length)
    epochs = f", {tokens / train_tokens:.2f} epochs" if train_tokens else ""
    return batch | {"steps": f"{steps:,}", "tokens": f"{tokens:,}{epochs}", "FLOPs": f"{flops:.2e}"}


def _steps(trainer: TrainerConfig, length: int, train_tokens: int | None) -> int | None:
    if trainer.steps is not None:
        return trainer.steps
    if trainer.tokens is not None:
        return math.ceil(trainer.tokens / (trainer.global_batch * length))
    if train_tokens is None:
        return None
    return math.ceil(trainer.epochs * ((train_tokens - 1) // length) / trainer.global_batch)


def _refusal(plan: Plan, limit: Limit | None) -> str | None:
    try:
        check(plan, limit)
    except UserError as error:
        return str(error)
    return None


def _limit(limit: Limit | None) -> str:
    if limit is None:
        return "not known: no GPU is visible here; give trainer.device_memory_gb"
    return f"{_gb(limit.device)} ({limit.source})"


def _gb(size: float) -> str:
    return f"{size / 1e9:,.2f} GB"
