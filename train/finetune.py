"""The finetune stage: training on a task's examples; of all weights, or of low-rank adapters."""

import json
from typing import Any

from pipeline.config.stages import FinetuneStage
from pipeline.config.tasks import FinetuneConfig
from pipeline.context import Context
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.formats.tokenizers import save_tokenizer
from pipeline.store.artifacts import write_json
from pipeline.store.manifest import StageMetrics
from train.adapters.stage import adapt, whole_state
from train.checkpoints.teacher import describe_teacher
from train.cost.training_cost import TrainingCost
from train.data.length_order import LengthOrder
from train.distillation.teach import teach_finetuning
from train.finetuning.artifact import TASK_FILE, TEST_FILE
from train.finetuning.base_model import find_base_model
from train.finetuning.data import left_out
from train.finetuning.facts import TaskFacts
from train.finetuning.limits import room_for_more
from train.finetuning.monitoring import best_figures, build_monitor
from train.finetuning.task import task_of
from train.finetuning.training import TaskTraining, packed
from train.finetuning.workload import Workload
from train.generation.stops import decoder
from train.guards.monitor import Monitor
from train.loop import fit, set_up_process
from train.models import TrainableModel, count_parameters, family
from train.models.weights import Weights
from train.training_plan import Preparation, TrainingPlan


def run(config: FinetuneStage, context: Context) -> StageMetrics:
    """Train on the examples; write the model, its tokenizer, `task.json` and the test rows as `test.jsonl`.

    With adapters the model is written with them merged, and they themselves to `adapter`.

    Raises:
        UserError: for bad examples, or a base model that is absent or of no use for the task.
    """
    settings = config.finetune
    base = find_base_model(settings.init, context)
    chosen = task_of(settings)
    splits = chosen.read_splits(settings, context.locate)
    task = chosen.training(settings, base, splits)
    facts = _facts(task, settings)
    monitor = build_monitor(task, facts, settings, config.seed, context)
    if context.rank == 0:
        # What evaluate and export need to know besides the weights.
        save_tokenizer(task.base.tokenizer, context.folder / TOKENIZER_FOLDER)
        write_json(context.folder / TASK_FILE, facts)
        _log_examples(settings, task, context)

    on_gpu = set_up_process(settings.trainer, config.seed)
    whole = settings.lora is not None or settings.trainer.steps == 0
    model, weights = (task.new_model(), None) if whole else task.starting_model(settings.trainer.ranks)
    parameters = count_parameters(model)
    preparation = task.preparation(model, settings.trainer)
    adapt(model, settings.lora, settings.trainer)
    trainable = count_parameters(model, trainable_only=True)
    if context.rank == 0:
        context.log.info(
            f"{trainable:,} parameters are trained, {trainable / parameters:.1%} of the model's {parameters:,}"
        )
    plan = _training_plan(config, task, model, weights, parameters, on_gpu, preparation, monitor, context)
    tokens = round(plan.steps * plan.tokens_per_step)
    cost = TrainingCost.of(settings.trainer, tokens, plan.flops_per_token, on_gpu, context)
    result = fit(plan, context)
    if result.state is not None:
        merged = whole_state(
            settings.lora, result.state, task.new_model, context.folder, base.name, base.config
        )
        task.save(context.folder, merged)
        _write_test_rows(task, context)
    return {
        "validation_loss": result.validation_loss,
        "best_validation_loss": result.best_validation_loss,
        **{f"validation_{name}": value for name, value in result.validation_figures.items()},
        **best_figures(result.best),
        "train_loss": result.train_loss,
        "steps": result.steps,
        "tokens": result.tokens,
        "tokens_per_second": result.tokens_per_second,
        **({} if plan.flops_per_token is None else {"flops": plan.flops_per_token * result.tokens}),
        **cost.metrics(result.step_seconds, result.watts),
        "parameters": parameters,
        "trainable_parameters": trainable,
        "examples": len(splits.train),
        "validation_examples": len(splits.validation),
        "test_examples": len(splits.test),
        "empty_examples": splits.empty,
        "leaked_examples": splits.leaked,
        **task.counts(),
        **({"teacher": describe_teacher(distill, "finetune")} if (distill := settings.distill) else {}),
        **({} if plan.steps else {"headline": f"the weights of {base.name}, not trained"}),
    }


def _training_plan(
    config: FinetuneStage,
    task: TaskTraining[Any],
    model: TrainableModel,
    weights: Weights | None,
    parameters: int,
    on_gpu: bool,
    preparation: Preparation | None,
    monitor: Monitor | None,
    context: Context,
) -> TrainingPlan:
    """What is trained, on which examples, and for how long.

    Args:
        weights: of a model on the meta device.
        parameters: of the model without adapters.
        preparation: see `TaskTraining.preparation`.
    """
    settings, trainer = config.finetune, config.finetune.trainer
    order = task.order(config.seed)
    work = Workload.of(task, order, settings, parameters)
    if settings.batching == "by_length":
        order = LengthOrder(order, work.rows.max(1), trainer.global_batch, work.steps, config.seed)
    train, validation = task.train, task.validation
    if settings.batching == "packed":
        family(task.base.config).check_segments(model)
        train, validation = packed(train), packed(validation)
    taught = teach_finetuning(settings, task.train, train, task.base.vocab_size, context)
    if settings.distill is not None and context.rank == 0:
        context.log.info(f"teacher: {describe_teacher(settings.distill, 'finetune')}")
    return TrainingPlan(
        model=model,
        train=taught.train,
        loss=taught.loss,
        validation=task.validation_parts(validation),
        steps=work.steps,
        tokens_per_example=work.tokens_per_example,
        example_tokens=work.rows.sum(1),
        order=order,
        flops_per_token=work.flops_per_token,
        optim=settings.optim,
        schedule=settings.schedule,
        trainer=trainer,
        strategy=config.strategy,
        seed=config.seed,
        on_gpu=on_gpu,
        adapted=settings.lora is not None,
        decode=decoder(task.base.tokenizer),
        sampler=task.sampler(config.seed),
        preparation=preparation or taught.preparation,
        monitor=monitor,
        weights=weights,
    )


def _facts(task: TaskTraining[Any], settings: FinetuneConfig) -> TaskFacts:
    """What task.json says."""
    return {
        "task": settings.choice,
        "method": "full" if settings.lora is None else settings.lora.variant,
        "base": task.base.name,
        **task.description(),
    }


def _write_test_rows(task: TaskTraining[Any], context: Context) -> None:
    with (context.folder / TEST_FILE).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in task.test_rows())


def _log_examples(settings: FinetuneConfig, task: TaskTraining[Any], context: Context) -> None:
    splits, log = task.splits, context.log
    log.info(
        f"examples: {len(splits.train):,} for training, {len(splits.validation):,} for validation, "
        f"{len(splits.test):,} for the test"
    )
    if splits.leaked:
        log.info(left_out(splits.leaked, "their source is held out for validation or test"))
    for why, count in splits.left_out.items():
        log.warning(left_out(count, why))
    if unread := splits.describe_unread():
        log.warning(f"columns of the examples that are {unread}")
    base = task.base
    framed = task_of(settings).describe_framed_prompts(
        settings, splits, lambda: base.tokenizer, base.config.reading
    )
    for warning in [*task.warnings(), *([framed] if framed else [])]:
        log.warning(warning)
    if task.shortened_share():
        log.warning(f"to cut fewer examples, {room_for_more(settings, base.config)}")
