"""Predicts a pretraining run for `make dryrun`: steps, tokens, FLOPs, memory, disk. Builds no weights."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.forecast import Forecast
from pipeline.known import Known
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words
from train.checkpoints.initial import initial_weights
from train.checkpoints.named_model import NamedModel
from train.checkpoints.teacher import flops_with_teacher, named_teacher
from train.cost.earlier_runs import earlier_runs
from train.cost.forecast import cost_facts, unknown_cost
from train.cost.training_cost import work_of
from train.data.mixture import Mixture
from train.data.sequences import too_often
from train.data.steps import count_steps
from train.memory.check import Limit, Plan, check, known_limit, runs_on_gpu
from train.memory.predict import Memory, optimizer_sizes
from train.memory.sizes import trained_model, trained_sizes
from train.models import flops_per_token
from train.models.numerics import FP32
from train.models.sizes import model_sizes


def forecast(
    root: RootConfig, vocab_size: int, train_tokens: Mapping[str, int] | None, known: Known | None = None
) -> Forecast:
    """The pretrain stage of a configuration.

    Args:
        train_tokens: of the parts of the shards' training split; None where they are not built yet.
        known: of the plan, of which nothing more is asked here.

    Raises:
        UserError: where the mixture names a part that the shards do not have; where `pretrain.init` cannot be read.
    """
    if (initial := initial_weights(root.pretrain)) is not None:
        vocab_size = max(initial.vocab_size, vocab_size)
    trainer = root.trainer
    on_gpu = runs_on_gpu(trainer)
    masked = root.data.packing != "concatenate"
    lora = root.pretrain.lora
    targets = root.objective.target_length(trainer.sequence_length or root.model.context)
    teacher = named_teacher(distill, "pretrain") if (distill := root.pretrain.distill) else None
    plan = Plan(
        root.model, vocab_size, root.optim, trainer, root.strategy, on_gpu, masked, lora, targets, teacher
    )
    limit = known_limit(trainer, on_gpu)
    memory = plan.memory() if trainer.steps != 0 else None
    sizes = model_sizes(root.model, vocab_size)
    trained = trained_sizes(root.model, vocab_size, lora).trained
    checkpoint = FP32 * (trained + optimizer_states(plan))
    kept = trainer.keep_last + 2  # the best one besides, and one that is being written
    stored = _stored_bytes(root, vocab_size, train_tokens)
    facts = {
        **({"starts from": initial.name} if initial else {}),
        "model": f"{sizes.parameters:,} parameters, {vocab_size:,} token ids",
        **({"teacher": _teacher(teacher)} if teacher else {}),
        **({"teacher's store": f"{size_in_words(stored)}, shared with other students"} if stored else {}),
        **({"adapters": f"{trained:,} parameters are trained"} if lora else {}),
        "objective": root.objective.summary(),
        "ranks": f"{trainer.ranks} ({trainer.nodes} × {trainer.devices}), strategy {root.strategy.choice}, "
        f"{trainer.precision}, {'GPU' if on_gpu else 'CPU'}",
        **_work(root, vocab_size, train_tokens, sizes.parameters),
        **({"start": start_in_words(memory, trainer.devices)} if memory else {}),
        "checkpoint": f"{size_in_words(checkpoint)} each, up to {kept} at a time; "
        f"final model {size_in_words(FP32 * sizes.parameters)}",
    }
    return Forecast(
        facts,
        memory.parts if memory else {},
        "" if memory else "nothing is trained" if trainer.steps == 0 else plan.unpredicted(),
        memory.host if memory else 0,
        limit_in_words(limit),
        kept * checkpoint + FP32 * sizes.parameters + stored,
        _refusal(plan, limit),
    )


def optimizer_states(plan: Plan) -> int:
    """Elements of the optimizer's states; none where nothing is trained, as it may be of no use for the model."""
    if plan.trainer.steps == 0:
        return 0
    return optimizer_sizes(trained_model(plan.model, plan.vocab_size, plan.lora), plan.optim, FP32).states


def _work(
    root: RootConfig, vocab_size: int, train_tokens: Mapping[str, int] | None, parameters: int
) -> dict[str, str]:
    """Batch, steps, tokens and FLOPs."""
    trainer = root.trainer
    length = trainer.sequence_length or root.model.context
    per_step = trainer.global_batch * length
    rows = trainer.global_batch // trainer.ranks // trainer.accumulation
    batch = {
        "batch": f"{trainer.global_batch} × {length:,} = {per_step:,} tokens per step; per rank "
        f"{trainer.accumulation} × {counted(rows, 'sequence')}"
    }
    epoch = None
    if train_tokens is not None:
        # Packed whole documents need a few sequences more, which their plan knows and this does not.
        sizes = {part: root.objective.examples_in(tokens, length) for part, tokens in train_tokens.items()}
        epoch = Mixture(root.data, sizes, length).epoch
    if trainer.epochs is not None and epoch is None:
        return (
            batch
            | {"steps": f"{trainer.epochs:g} epochs; how many steps is known when the shards are built"}
            | unknown_cost("the shards are not built yet", root.run.cost)
        )
    student = flops_per_token(root.model, root.objective.target_length(length), vocab_size, length)
    flops = flops_with_teacher(student, root.pretrain.distill, "pretrain", length)
    steps = count_steps(trainer, epoch or 0, length, parameters, flops)
    tokens = steps * per_step
    times = steps * trainer.global_batch / epoch if epoch else 0.0
    epochs = f", {times:.2f} epochs" if epoch else ""
    work = "unknown" if flops is None else f"{tokens * flops:.2e}"
    warning = {"warning": said} if (said := too_often(times)) else {}
    return (
        batch
        | {"steps": f"{steps:,}", "tokens": f"{tokens:,}{epochs}", **warning, "FLOPs": work}
        | (_cost(root, tokens, flops) if tokens else {})
    )


def _cost(root: RootConfig, tokens: int, flops_per_token: float | None) -> dict[str, str]:
    """Time, money and energy of the steps, by what the store's earlier runs needed."""
    if not flops_per_token:
        return unknown_cost("nobody has counted the FLOPs of such a model", root.run.cost)
    on_gpu = runs_on_gpu(root.trainer)
    work = work_of(root.trainer, tokens, flops_per_token, on_gpu)
    return cost_facts(work, earlier_runs(Path(root.run.artifacts), "pretrain"), root.run.cost)


def _teacher(teacher: NamedModel) -> str:
    parameters = model_sizes(teacher.config, teacher.vocab_size).parameters
    return f"{teacher.name}, {parameters:,} parameters, whole on each rank"


def _stored_bytes(root: RootConfig, vocab_size: int, train_tokens: Mapping[str, int] | None) -> int:
    """Of what the teacher says of all places, where it is kept; 0 where the shards are not there yet."""
    distill, length = root.pretrain.distill, root.trainer.sequence_length or root.model.context
    if distill is None or distill.top_k is None or not distill.cache or train_tokens is None:
        return 0
    sequences = sum(root.objective.examples_in(tokens, length) for tokens in train_tokens.values())
    return sequences * length * distill.bytes_per_token(vocab_size)


def start_in_words(memory: Memory, devices: int) -> str:
    """What the host holds while the model is built."""
    rank, machine = size_in_words(memory.start), size_in_words(devices * memory.start)
    return f"{rank} of weights on the host per rank, {machine} per machine"


def _refusal(plan: Plan, limit: Limit | None) -> str | None:
    if plan.trainer.steps == 0:
        return None  # nothing is trained
    try:
        check(plan, limit)
    except UserError as error:
        return str(error)
    return None


def limit_in_words(limit: Limit | None) -> str:
    if limit is None:
        return "not known: no GPU is visible here; give trainer.device_memory_gb"
    return f"{size_in_words(limit.device)} ({limit.source})"
