"""Fits a model to examples with Lightning: the one training path of pretraining and fine-tuning."""

import logging
import math
import statistics
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.config.optimizers import OptimizerConfig
from pipeline.config.schedules import ScheduleConfig
from pipeline.config.training import StrategyConfig, TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint, list_checkpoints
from pipeline.tracking.tracker import read_metrics
from train.callbacks import AfterStep, Decoder, Resume, Sampler
from train.checkpoints.files import Reader
from train.checkpoints.manager import Checkpoints
from train.data.batches import (
    Examples,
    MicroBatches,
    TrainSamples,
    ValidationSamples,
    train_loader,
    validation_loader,
)
from train.data.order import Order, SampleOrder
from train.guards.loss_guard import LossGuard, SkippedData
from train.memory.hardware import share_cpu_threads
from train.module import LanguageModule
from train.preemption import StopRequest
from train.strategies.build import build_strategy


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
    validation: Mapping[str, Examples],
    *,
    steps: int,
    flops_per_token: float | None,
    tokens_per_example: float,
    optim: OptimizerConfig,
    schedule: ScheduleConfig,
    trainer: TrainerConfig,
    strategy: StrategyConfig,
    seed: int,
    on_gpu: bool,
    context: Context,
    decode: Decoder,
    sampler: Sampler | None = None,
    order: Order | None = None,
) -> FitResult:
    """Train for `steps` optimizer steps, from the newest sound checkpoint in the context's folder if there is one.

    Args:
        validation: held-out examples by the name of their part of the corpus; "" where there is but one.
        flops_per_token: for MFU; None where the model does not say.
        order: of the training examples; None takes all of them in each epoch, in an order by the seed.

    Raises:
        UserError: where the checkpoint is of another model or optimizer, the last one cannot be written, or training
            has diverged.
        Restart: where a signal asked for a stop, or the loss guard for a rollback; a checkpoint is written.
    """
    _quiet()
    stop = StopRequest()
    stop.listen()
    if trainer.activation_checkpointing:
        model.gradient_checkpointing = True
    if trainer.compile:
        model.compile()
    final = FinalState(model, keeps_frozen=context.rank == 0)
    tokens_per_step = round(trainer.global_batch * tokens_per_example)
    skipped = SkippedData(context.folder)
    order = order or SampleOrder(len(train), seed)
    samples = TrainSamples(train, order, trainer.global_batch, trainer.accumulation, context.world_size)
    batches = MicroBatches(
        trainer.global_batch,
        trainer.accumulation,
        context.rank,
        context.world_size,
        steps,
        data_step=skipped.data_step,
    )
    plan = build_strategy(strategy, trainer, on_gpu)
    checkpoints = Checkpoints(context.folder, trainer.keep_last, plan, strategy.name)
    module = LanguageModule(model, optim, schedule, steps, LossGuard(trainer.guard), seed)
    after_step = AfterStep(
        trainer,
        context,
        checkpoints,
        samples,
        skipped,
        stop,
        steps=steps,
        tokens_per_step=tokens_per_step,
        flops_per_token=flops_per_token,
        validation=_validation_data(validation, trainer, context, on_gpu),
        sampler=sampler,
        decode=decode,
    )
    lightning = pl.Trainer(
        accelerator="gpu" if on_gpu else "cpu",
        devices=trainer.devices,
        num_nodes=trainer.nodes,
        strategy=plan,
        # Said outright, or Lightning would take SLURM's variables for its own and requeue by itself.
        plugins=[TorchElasticEnvironment() if context.world_size > 1 else LightningEnvironment()],
        precision="bf16-mixed" if trainer.precision == "bf16" and strategy.name != "fsdp" else "32-true",
        max_steps=steps,
        max_epochs=-1,
        accumulate_grad_batches=trainer.accumulation,
        gradient_clip_val=optim.grad_clip,
        callbacks=[Resume(checkpoints, batches, context), after_step],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        default_root_dir=context.folder,
    )
    lightning.fit(module, train_loader(samples, batches, trainer.workers, pin_memory=on_gpu))
    history = read_metrics(context.folder) if context.rank == 0 else []
    losses, rates, validations = (
        [row[name] for row in history if name in row]
        for name in ("train/loss", "train/tokens_per_second", "validation/loss")
    )
    return FitResult(
        state=final.read(list_checkpoints(context.folder)[-1]) if context.rank == 0 else None,
        steps=steps,
        tokens=steps * tokens_per_step,
        train_loss=losses[-1] if losses else None,
        validation_loss=validations[-1] if validations else None,
        best_validation_loss=min(filter(math.isfinite, validations), default=None),
        tokens_per_second=statistics.median(rates) if rates else None,
    )


class FinalState:
    """The model's state dict after training, put together from the last checkpoint, whatever the strategy."""

    def __init__(self, model: nn.Module, keeps_frozen: bool):
        """Remember, before the strategy takes the model apart, what is trained, and copy what is not."""
        trained = {p: name for name, p in model.named_parameters() if p.requires_grad}
        self._shapes = {name: p.shape for p, name in trained.items()}
        self._first_names: dict[str, str] = {}
        self._frozen: dict[str, Tensor] = {}
        for name, tensor in model.state_dict(keep_vars=True).items():
            if tensor in trained:
                self._first_names[name] = trained[tensor]  # tied weights have several names
            elif keeps_frozen:
                self._frozen[name] = tensor.detach().clone()

    def read(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        weights = Reader(checkpoint).weights(self._shapes)
        return {name: weights[first] for name, first in self._first_names.items()} | self._frozen


def _validation_data(
    parts: Mapping[str, Examples], trainer: TrainerConfig, context: Context, on_gpu: bool
) -> dict[str, DataLoader]:
    """Of each part its share of `trainer.validation_sequences`."""
    size = trainer.global_batch // trainer.ranks // trainer.accumulation
    limit, total = trainer.validation_sequences, sum(map(len, parts.values()))
    loaders = {}
    for name, examples in parts.items():
        share = None if limit is None else math.ceil(limit * len(examples) / total)
        samples = ValidationSamples(examples, share, size, context.rank, context.world_size)
        loaders[name] = validation_loader(samples, pin_memory=on_gpu)
    return loaders


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
        r"lr_scheduler.step\(\)",  # called once to set a resumed run's rate
        "The `srun` command is available",
        "Please use `torch.distributed",  # meant for DeepSpeed's authors
    ):
        warnings.filterwarnings("ignore", message=f".*{part}.*")
