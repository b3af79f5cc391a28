"""Fits a model to examples with Lightning: the one training path of pretraining and fine-tuning."""

import logging
import math
import statistics
import warnings
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from pipeline.config.training import OptimConfig, ScheduleConfig, StrategyConfig, TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.tracking import read_metrics
from train.callbacks import AfterStep, Sampler
from train.checkpointing import Checkpoint, Checkpoints, list_checkpoints
from train.data import (
    Examples,
    MicroBatches,
    TrainSamples,
    ValidationSamples,
    train_loader,
    validation_loader,
)
from train.hardware import share_cpu_threads
from train.module import LanguageModule
from train.strategies import ZERO_STAGES, build_strategy


@dataclass(frozen=True)
class FitResult:
    """What a training run came to."""

    state: dict[str, Tensor] | None
    """The model's full fp32 state dict on rank 0; None on the others."""
    steps: int
    tokens: int
    train_loss: float | None
    """Mean per token over the last logging window, nats. The figures are rank 0's; others have None."""
    validation_loss: float | None
    best_validation_loss: float | None
    tokens_per_second: float | None
    """Median over the logged steps."""


def count_steps(trainer: TrainerConfig, examples: int, tokens_per_example: float, parameters: int) -> int:
    """Optimizer steps of `trainer.steps`, `.tokens`, `.tokens_per_parameter` or `.epochs`, rounded up."""
    if trainer.steps is not None:
        return trainer.steps
    tokens = trainer.tokens
    if trainer.tokens_per_parameter is not None:
        tokens = trainer.tokens_per_parameter * parameters
    if tokens is not None:
        return math.ceil(tokens / (trainer.global_batch * tokens_per_example))
    return math.ceil(trainer.epochs * examples / trainer.global_batch)


def prepare(trainer: TrainerConfig, seed: int) -> bool:
    """Set up threads, seed and determinism of this process. Returns whether training runs on GPUs.

    Raises:
        UserError: where GPUs are asked for and there are fewer.
    """
    gpus = torch.cuda.device_count()
    on_gpu = trainer.accelerator == "gpu" or (trainer.accelerator == "auto" and gpus > 0)
    if on_gpu and gpus < trainer.devices:
        raise UserError(
            f"trainer.devices={trainer.devices} GPUs are asked for and {gpus} are visible; "
            "lower trainer.devices, check CUDA_VISIBLE_DEVICES, or set trainer.accelerator=cpu"
        )
    if on_gpu:
        torch.set_float32_matmul_precision("high")
    else:
        share_cpu_threads(trainer.threads, trainer.devices)
    torch.use_deterministic_algorithms(trainer.deterministic)
    pl.seed_everything(seed, workers=True, verbose=False)
    return on_gpu


def fit(
    model: nn.Module,
    train: Examples,
    validation: Examples | None,
    *,
    steps: int,
    flops_per_token: float,
    tokens_per_example: float,
    optim: OptimConfig,
    schedule: ScheduleConfig,
    trainer: TrainerConfig,
    strategy: StrategyConfig,
    seed: int,
    on_gpu: bool,
    context: Context,
    sampler: Sampler | None = None,
) -> FitResult:
    """Train for `steps` optimizer steps, from the last checkpoint in the context's folder where there is one."""
    _quiet()
    resume = _resume_point(context, strategy)
    if trainer.activation_checkpointing:
        model.gradient_checkpointing = True
    if trainer.compile:
        model.compile()
    module = LanguageModule(model, optim, schedule, steps)
    checkpoints = Checkpoints(
        context.folder,
        every=trainer.checkpoint_every,
        keep_last=trainer.keep_last,
        steps=steps,
        strategy=strategy.name,
        tokens_per_step=round(trainer.global_batch * tokens_per_example),
    )
    after_step = AfterStep(
        trainer,
        context,
        checkpoints,
        steps,
        flops_per_token,
        _validation_data(validation, trainer, context, on_gpu),
        sampler,
    )
    lightning = pl.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=trainer.devices,
        num_nodes=trainer.nodes,
        strategy=build_strategy(strategy, trainer, on_gpu),
        precision="bf16-mixed" if trainer.precision == "bf16" else "32-true",
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=trainer.accumulation,
        gradient_clip_val=optim.grad_clip,
        callbacks=[after_step],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        default_root_dir=context.folder,
    )
    samples = TrainSamples(train, trainer.global_batch, trainer.accumulation, context.world_size, seed)
    start = resume.step if resume else 0
    batches = MicroBatches(
        trainer.global_batch, trainer.accumulation, context.rank, context.world_size, steps, start
    )
    loader = train_loader(samples, batches, trainer.workers, pin_memory=on_gpu)
    # Also where every step is done and only the end of the stage is missing: this loads the weights.
    lightning.fit(
        module, loader, ckpt_path=resume.state if resume else None, weights_only=_weights_only(strategy)
    )
    state = _full_state(module, strategy, context)
    history = read_metrics(context.folder) if context.rank == 0 else []
    losses, rates, validations = (
        [row[name] for row in history if name in row]
        for name in ("train/loss", "train/tokens_per_second", "validation/loss")
    )
    return FitResult(
        state=state,
        steps=steps,
        tokens=round(steps * trainer.global_batch * tokens_per_example),
        train_loss=losses[-1] if losses else None,
        validation_loss=validations[-1] if validations else None,
        best_validation_loss=min(validations, default=None),
        tokens_per_second=statistics.median(rates) if rates else None,
    )


def _validation_data(examples: Examples | None, trainer: TrainerConfig, context: Context, on_gpu: bool):
    if examples is None:
        return None
    size = trainer.global_batch // trainer.ranks // trainer.accumulation
    samples = ValidationSamples(
        examples, trainer.validation_sequences, size, context.rank, context.world_size
    )
    return validation_loader(samples, pin_memory=on_gpu)


def _resume_point(context: Context, strategy: StrategyConfig) -> Checkpoint | None:
    """The last complete checkpoint, if any.

    Raises:
        UserError: where it cannot be read under this strategy or number of ranks.
    """
    complete = list_checkpoints(context.folder)
    if not complete:
        return None
    last = complete[-1]
    sharded = last.strategy in ZERO_STAGES or strategy.name in ZERO_STAGES
    if sharded and (last.strategy, last.ranks) != (strategy.name, context.world_size):
        raise UserError(
            f"the checkpoint {last.folder} was written by {last.ranks} ranks under strategy={last.strategy} and "
            f"cannot be continued by {context.world_size} under {strategy.name}; use the same, or delete its "
            f"folder {context.folder} to start over"
        )
    if context.rank == 0:
        context.log.info(f"continuing from step {last.step:,}")
    return last


def _weights_only(strategy: StrategyConfig) -> bool | None:
    return None if strategy.name in ZERO_STAGES else True


def _full_state(
    module: LanguageModule, strategy: StrategyConfig, context: Context
) -> dict[str, Tensor] | None:
    """The fp32 weights on rank 0. ZeRO keeps them in its partitions, which the last checkpoint holds."""
    if context.rank != 0:
        return None
    if strategy.name not in ZERO_STAGES:
        return {name: tensor.float() for name, tensor in module.model.state_dict().items()}
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    last = list_checkpoints(context.folder)[-1]
    state = get_fp32_state_dict_from_zero_checkpoint(last.state, tag="checkpoint")
    return {
        name.removeprefix("model."): tensor for name, tensor in state.items() if name.startswith("model.")
    }


def _quiet() -> None:
    """Keep Lightning's advice on things that are decided here out of the log."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for part in (
        "does not have many workers",
        "dataloader is not resumable",
        "LeafSpec",
        "ckpt_path",
        "`isinstance",
    ):
        warnings.filterwarnings("ignore", message=f".*{part}.*")
