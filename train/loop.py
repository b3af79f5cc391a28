"""Fits a model to examples with Lightning: the one training path of pretraining and fine-tuning."""

import logging
import math
import os
import statistics
import warnings
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from torch import Tensor

from pipeline.config.training import TrainerConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import MonitorMemory, list_checkpoints
from pipeline.tracking.tracker import read_metrics
from train.callbacks import build_callbacks
from train.checkpoints.final_state import FinalState
from train.compiling import compile_model
from train.data.batches import train_loader
from train.devices import check_gpus
from train.guards.loss_guard import LossGuard
from train.guards.step_judge import StepJudge
from train.memory.hardware import share_cpu_threads
from train.module import LanguageModule
from train.products import use_fastest_products
from train.training_plan import TrainingPlan
from train.training_run import TrainingRun
from train.unprofiled import Unprofiled


@dataclass(frozen=True)
class FitResult:
    """What a training run came to."""

    state: dict[str, Tensor] | None
    """The model's full fp32 state dict on rank 0, or of a model with adapters what was trained of it; None on the
    others."""
    steps: int
    tokens: int
    train_loss: float | None
    """Mean per token over the last logging window, nats. The figures are rank 0's; others have None."""
    initial_validation_loss: float | None
    """Before the first step, where the plan asks for it."""
    validation_loss: float | None
    best_validation_loss: float | None
    """After any step."""
    validation_figures: dict[str, float]
    """What the model told beside its loss in the last validation, such as an accuracy."""
    tokens_per_second: float | None
    """Median over the logged steps."""
    step_seconds: float | None = None
    """Time of all steps, validation and checkpoints aside; None where no step is logged."""
    watts: float | None = None
    """Mean power of rank 0's device over the logged steps; None where nothing measures it."""
    best: MonitorMemory = field(default_factory=MonitorMemory)
    """Where the plan looks for the best validation."""


def set_up_process(trainer: TrainerConfig, seed: int) -> bool:
    """Set up threads, seed and determinism of this process. Returns whether training runs on GPUs.

    Raises:
        UserError: where GPUs are asked for and there are fewer.
    """
    on_gpu = trainer.accelerator == "gpu" or (trainer.accelerator == "auto" and torch.cuda.device_count() > 0)
    if on_gpu:
        check_gpus(trainer)
        torch.set_float32_matmul_precision("high")
    else:
        share_cpu_threads(trainer.threads, trainer.devices)
        use_fastest_products()
    if trainer.deterministic:
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # without it cuBLAS refuses to be deterministic
    torch.use_deterministic_algorithms(trainer.deterministic)
    pl.seed_everything(seed, workers=True, verbose=False)
    return on_gpu


def fit(plan: TrainingPlan, context: Context) -> FitResult:
    """Carry the plan out, from the newest undamaged checkpoint in the context's folder if there is one.

    Lightning repeats: it fetches a micro-batch, calls the module for its loss, and once enough of them make a step lets
    the optimizer take it and the schedule move on. All else that happens around a step stands in `build_callbacks`.

    Raises:
        UserError: where the checkpoint is of another model or optimizer, the last one cannot be written, training
            has diverged, or a plugin's callback is of no use.
        Restart: where a signal asked for a stop, or the loss guard for a rollback; a checkpoint is written.
    """
    if plan.steps == 0:
        return _untrained(plan, context)
    if plan.trainer.profile and plan.trainer.profile[-1] > plan.steps:
        raise UserError(
            f"trainer.profile={plan.trainer.profile} ends behind the last step, {plan.steps:,}; name steps that "
            "training comes to"
        )
    _quiet()
    run, model, trainer = TrainingRun(plan, context), plan.model, plan.trainer
    if trainer.activation_checkpointing:
        model.gradient_checkpointing = trainer.activation_checkpointing
    if trainer.compile:
        compile_model(model)
    final = FinalState(model, keeps_frozen=context.rank == 0 and not plan.adapted)
    judge = StepJudge(LossGuard(trainer.guard), run.stop)
    module = LanguageModule(
        model,
        plan.optim,
        plan.schedule,
        plan.steps,
        judge,
        plan.seed,
        plan.loss,
        plan.only_rows,
        plan.weights,
    )
    lightning = _lightning(run)
    # Before each micro-batch Lightning asks all ranks whether a signal came, and waits for the answer; the judge asks
    # once a step, and does not wait.
    epochs: Any = lightning.fit_loop.epoch_loop
    epochs._broadcast_sigterm_tensor = lambda: None
    lightning.fit(module, train_loader(run.samples, run.batches, trainer.workers, pin_memory=plan.on_gpu))
    if (step := run.progress.step) < run.progress.steps:
        raise UserError(
            f"training ended after step {step:,} of {plan.steps:,}, since a callback of trainer.callbacks asked "
            "Lightning to stop; set trainer.steps to where it is to end, or leave the callback out"
        )
    return _result(run, final)


def _lightning(run: TrainingRun) -> pl.Trainer:
    """Lightning's part: it repeats, and leaves all else to the callbacks."""
    plan, trainer, context = run.plan, run.plan.trainer, run.context
    return pl.Trainer(
        accelerator="gpu" if plan.on_gpu else "cpu",
        devices=trainer.devices,
        num_nodes=trainer.nodes,
        strategy=run.strategy,
        # Said outright, or Lightning would take SLURM's variables for its own and requeue by itself.
        plugins=[TorchElasticEnvironment() if context.world_size > 1 else LightningEnvironment()],
        precision=run.strategy.lightning_precision(trainer.precision),
        max_steps=plan.steps,
        max_epochs=-1,
        accumulate_grad_batches=trainer.accumulation,
        gradient_clip_val=plan.optim.grad_clip,
        callbacks=build_callbacks(run),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        profiler=Unprofiled(),
        default_root_dir=context.folder,
    )


def _untrained(plan: TrainingPlan, context: Context) -> FitResult:
    """The weights as they are, where `trainer.steps` is 0."""
    if context.rank == 0:
        context.log.info("nothing is trained (trainer.steps=0): the weights stay as they are")
    return FitResult(_state(plan) if context.rank == 0 else None, 0, 0, None, None, None, None, {}, None)


def _state(plan: TrainingPlan) -> dict[str, Tensor]:
    if not plan.adapted:
        return plan.model.state_dict()
    return {name: p.detach() for name, p in plan.model.named_parameters() if p.requires_grad}


def _result(run: TrainingRun, final: FinalState) -> FitResult:
    context, steps = run.context, run.progress.steps
    history = read_metrics(context.folder) if context.rank == 0 else []
    losses, rates, watts, validations = (
        [row[name] for row in history if name in row and row["step"] > 0]
        for name in ("train/loss", "train/tokens_per_second", "train/watts", "validation/loss")
    )
    before = next((row.get("validation/loss") for row in history if row["step"] == 0), None)
    return FitResult(
        state=final.read(list_checkpoints(context.folder)[-1]) if context.rank == 0 else None,
        steps=steps,
        tokens=steps * run.plan.tokens_per_step,
        train_loss=losses[-1] if losses else None,
        initial_validation_loss=before,
        validation_loss=validations[-1] if validations else None,
        best_validation_loss=min((loss for loss in validations if math.isfinite(loss)), default=None),
        validation_figures=_last_figures(history),
        tokens_per_second=statistics.median(rates) if rates else None,
        step_seconds=step_seconds(history),
        watts=statistics.fmean(watts) if watts else None,
        best=run.best.memory() if run.best else {},
    )


def step_seconds(history: list[dict[str, float]]) -> float | None:
    """The tokens between two logged steps at the rate that was logged for them, summed."""
    seconds, before = 0.0, 0.0
    for row in history:
        if row["step"] > 0 and "train/tokens_per_second" in row:
            seconds += (row["train/tokens"] - before) / row["train/tokens_per_second"]
            before = row["train/tokens"]
    return seconds or None


def _last_figures(history: list[dict[str, float]]) -> dict[str, float]:
    """Of the last validation, its losses aside."""
    last: dict[str, float] = next((row for row in reversed(history) if "validation/loss" in row), {})
    return {
        name.removeprefix("validation/"): value
        for name, value in last.items()
        if name.startswith("validation/") and not name.endswith("loss")
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
        r"lr_scheduler.step\(\)",  # called once to set a resumed run's rate
        "The `srun` command is available",
        "Please use `torch.distributed",  # meant for DeepSpeed's authors
        "`broadcast_buffers` is deprecated",  # Lightning hands it on; what replaces it would synchronize at the start
        "DeepSpeed handles gradient clipping internally",  # as its strategy here lets it
    ):
        warnings.filterwarnings("ignore", message=f".*{part}.*")
    # Ours are not on DeepSpeed's list, and are tested with it here.
    logging.getLogger("DeepSpeed").addFilter(
        lambda record: "with an untested optimizer" not in record.getMessage()
    )
