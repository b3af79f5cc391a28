"""Predicts a fine-tuning for `make dryrun`: memory as far as it follows from the settings, steps and time from the
examples. Builds no weights."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.config.models import ModelConfig
from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.forecast import Forecast
from pipeline.known import Known, NotYet
from pipeline.remote.listing import ARTIFACT_SCHEME, is_remote
from pipeline.text.counts import counted
from pipeline.text.sizes import size_in_words
from train.checkpoints.named_model import named_model
from train.checkpoints.teacher import named_teacher
from train.cost.earlier_runs import earlier_runs
from train.cost.forecast import cost_facts, unknown_cost
from train.cost.training_cost import work_of
from train.finetuning.preview import preview
from train.finetuning.workload import Workload
from train.memory.check import Limit, Plan, known_limit, runs_on_gpu
from train.memory.forecast import limit_in_words, optimizer_states, start_in_words
from train.memory.predict import Memory
from train.memory.sizes import trained_sizes
from train.models.numerics import FP32
from train.models.sizes import model_sizes


def forecast(
    root: RootConfig, vocab_size: int, train_tokens: Mapping[str, int] | None, known: Known | None = None
) -> Forecast | None:
    """The finetune stage of a configuration; None where its base model is found when it starts.

    The memory is that of a batch of the longest examples that are allowed. So it is an upper bound, and nothing is
    refused for it.

    Args:
        train_tokens: of pretraining, which do not matter here.
        known: where the examples and the tokenizer are; None leaves the time out.
    """
    settings, trainer = root.finetune, root.finetune.trainer
    if settings.init is not None and (settings.init.startswith(ARTIFACT_SCHEME) or is_remote(settings.init)):
        return None
    name, model, vocab_size = _base(root, vocab_size)
    on_gpu = runs_on_gpu(trainer)
    length = min(settings.max_length or model.context, model.context)
    plan = Plan(
        model,
        vocab_size,
        settings.optim,
        trainer.model_copy(update={"sequence_length": length}),
        root.strategy,
        on_gpu,
        masked=settings.batching == "packed",
        lora=settings.lora,
        targets=length if model.reading == "encoder_decoder" else 0,
        teacher=named_teacher(settings.distill, "finetune") if settings.distill else None,
    )
    limit = known_limit(trainer, on_gpu)
    trains = trainer.steps != 0
    memory = plan.memory() if trains and settings.distills else None
    sizes, trained = model_sizes(model, vocab_size), trained_sizes(model, vocab_size, settings.lora).trained
    checkpoint, kept = FP32 * (trained + optimizer_states(plan)), trainer.keep_last + 2
    facts = {
        "starts from": name,
        "model": f"{sizes.parameters:,} parameters, of which {trained:,} are trained",
        "examples": f"{trainer.global_batch} per step, counted as {length:,} tokens each, the most there may be "
        "(finetune.max_length); shorter ones need less",
        **({"warning": _warning(memory, limit)} if memory and limit and memory.total > limit.device else {}),
        **(_work(root, known, sizes.parameters, on_gpu) if trains and known else {}),
        **({"start": start_in_words(memory, trainer.devices)} if memory else {}),
        "checkpoint": f"{size_in_words(checkpoint)} each, up to {kept} at a time",
    }
    return Forecast(
        facts,
        memory.parts if memory else {},
        "" if memory else _why_not(root, plan, trains),
        memory.host if memory else 0,
        limit_in_words(limit),
        kept * checkpoint + FP32 * sizes.parameters,
        None,
    )


def _work(root: RootConfig, known: Known, parameters: int, on_gpu: bool) -> dict[str, str]:
    """Steps and tokens, and what they cost by what the store's earlier runs needed."""
    settings, trainer, cost = root.finetune, root.finetune.trainer, root.run.cost
    try:
        training = preview(root, known)
        work = Workload.of(training, training.order(root.seed), settings, parameters)
    except NotYet as reason:
        return unknown_cost(f"the examples are counted {reason}", cost)
    except UserError:
        return unknown_cost("the examples are not understood; the checks below say why", cost)
    tokens = round(work.steps * trainer.global_batch * work.tokens_per_example)
    epochs = work.steps * trainer.global_batch / len(training.train)
    facts = {
        "steps": f"{work.steps:,}",
        "tokens": f"{tokens:,}, {epochs:.2f} epochs of {counted(len(training.train), 'example')}",
    }
    if not work.flops_per_token:
        return facts | unknown_cost("nobody has counted the FLOPs of such a model", cost)
    todo = work_of(trainer, tokens, work.flops_per_token, on_gpu)
    return facts | cost_facts(todo, earlier_runs(Path(root.run.artifacts), "finetune"), cost)


def _base(root: RootConfig, vocab_size: int) -> tuple[str, ModelConfig, int]:
    """Name, section and vocabulary of what fine-tuning starts from."""
    if root.finetune.init is None:
        return "what this run pretrains", root.model, vocab_size
    found = named_model(root.finetune.init, "finetune.init")
    return found.name, found.config, found.vocab_size


def _why_not(root: RootConfig, plan: Plan, trains: bool) -> str:
    if not trains:
        return "nothing is trained"
    if not root.finetune.distills:
        return f"finetune.task={root.finetune.choice} trains on something else than a response's tokens"
    return plan.unpredicted()


def _warning(memory: Memory, limit: Limit) -> str:
    need, there = size_in_words(memory.total), size_in_words(limit.device)
    return (
        f"a batch of the longest examples does not fit: {need} of {there}; "
        "a smaller finetune.trainer.micro_batch or finetune.max_length does, or adapters (finetune.lora.rank=8)"
    )
