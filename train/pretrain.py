"""The pretrain stage: a model on token shards, by the objective that is set, from random weights or from others'."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from pipeline.config.models import ModelConfig
from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.checkpoints import list_checkpoints
from pipeline.formats.held_out import read_held_out, write_held_out
from pipeline.formats.shards import ShardIndex, TokenStream
from pipeline.formats.tokenizers import load_tokenizer, tokenizer_hash
from pipeline.formats.training_artifact import pruned_matrices, write_initial
from pipeline.formats.vocabulary_extension import VocabularyExtension
from pipeline.store.manifest import StageMetrics
from pipeline.text.counts import counted
from train.adapters.stage import adapt, whole_state
from train.benchmarks.probes import Probes
from train.checkpoints.final_model import save_model
from train.checkpoints.initial import InitialWeights, initial_weights, starting_model
from train.checkpoints.teacher import describe_teacher, flops_with_teacher, named_teacher
from train.cost.training_cost import TrainingCost
from train.data.batches import Concatenation
from train.data.sequences import too_often
from train.distillation.teach import teach_pretraining
from train.generation.openings import prompts_or_openings
from train.generation.samples import SAMPLED
from train.generation.stops import decoder
from train.held_out import OtherTokenizer, held_out_texts
from train.loop import fit, set_up_process
from train.memory.check import Plan, check, known_limit
from train.models import TrainableModel, count_parameters, family, flops_per_token
from train.models.weights import Weights
from train.models.word_vectors import fill_embeddings, token_texts
from train.objectives import Objective, build_objective
from train.pretraining_data import PretrainingData
from train.pretraining_metrics import bits_per_byte, pretraining_metrics
from train.pruning.stage import pruning_metrics
from train.starting_model import Measure, StartingModel
from train.training_plan import TrainingPlan
from train.trunk import Course, start_from_trunk, take_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def run(config: PretrainStage, context: Context) -> StageMetrics:
    """Train, keep checkpoints, and write the final weights to `<folder>/model`."""
    trainer, index = config.trainer, _shards(context)
    initial = initial_weights(config.pretrain)
    extension = VocabularyExtension.load(context.inputs["tokenizer"])
    start = StartingModel(config, index.vocab_size, initial, extension)
    vocab_size = start.vocab_size
    length = trainer.sequence_length or config.model.context
    tokenizer = load_tokenizer(context.inputs["tokenizer"])
    objective = build_objective(config.objective, tokenizer, config.seed)
    data = PretrainingData.of(objective, config, index, context, length)
    on_gpu = set_up_process(trainer, config.seed)
    start = start.pruned(data.parts, data.validation, objective.loss, on_gpu, context)
    model, weights = _model(start, on_gpu, _measure_held_out(data, objective, tokenizer, on_gpu, context))
    if config.pretrain.vectors is not None:
        _start_from_vectors(Path(config.pretrain.vectors), model, tokenizer, context)
    kept = family(config.model).without_weights(config.model, model.vocab_size)
    parameters = count_parameters(model)
    adapt(model, config.pretrain.lora, trainer)

    def course(of: PretrainStage) -> Course:
        """What a run with these settings, on this data, does at each step."""
        return Course.of(of, data.mixture, length, parameters, vocab_size)

    flops = flops_per_token(config.model, config.objective.target_length(length), vocab_size, length)
    whole = Concatenation(list(data.parts.values()))
    taught = teach_pretraining(config, whole, objective.loss, index, length, vocab_size, context)
    mine = course(config) if trainer.steps != 0 else None
    prompts = prompts_or_openings(trainer.sample_prompts, context.inputs["shards"], tokenizer)
    plan = TrainingPlan(
        model=model,
        weights=weights,
        train=taught.train,
        validation=data.validation,
        steps=mine.steps if mine else 0,
        tokens_per_example=length,
        flops_per_token=flops_with_teacher(flops, config.pretrain.distill, "pretrain", length),
        optim=config.optim,
        schedule=config.schedule,
        trainer=trainer,
        strategy=config.strategy,
        seed=config.seed,
        on_gpu=on_gpu,
        decode=decoder(tokenizer),
        adapted=config.pretrain.lora is not None,
        validates_first=initial is not None,
        order=mine.order if mine else None,
        only_rows=start.only_rows(),
        loss=taught.loss,
        preparation=taught.preparation,
        keeps_zeros_of=pruned_matrices(context.folder),
        sampler=objective.sampler(prompts, SAMPLED, config.seed),
        probes=Probes.of(config, tokenizer),
    )
    if context.rank == 0:
        _report(plan, config, data, vocab_size, parameters, context)
        if initial is not None:
            write_initial(context.folder, initial.name, vocab_size)
            context.log.info(f"the weights are those of {initial.name}")
        if mine is not None:
            start_from_trunk(context, mine, course)
            if initial is not None and config.pretrain.with_state:
                _take_state(initial, plan.steps, context)
    tokens = plan.steps * plan.tokens_per_step
    cost = TrainingCost.of(trainer, tokens, plan.flops_per_token, on_gpu, context)
    result = fit(plan, context)
    if result.state is not None:
        _save(config, result.state, model, kept, index, vocab_size, context)
    metrics = {
        **pretraining_metrics(plan, config, initial, parameters, result),
        **cost.metrics(result.step_seconds, result.watts),
        **bits_per_byte(context.folder, result),
    }
    return {**metrics, **pruning_metrics(context.folder, result.state, config.objective)}


def _save(
    config: PretrainStage,
    trained: dict[str, Tensor],
    model: TrainableModel,
    kept: ModelConfig,
    index: ShardIndex,
    vocab_size: int,
    context: Context,
) -> None:
    """Write the whole model's weights, with the adapters merged where these were trained."""
    facts = {"objective": config.objective.model_dump(mode="json"), "tokenizer": index.tokenizer}
    new = partial(starting_model, config, vocab_size)
    base = Path(config.pretrain.init or "").name
    state = whole_state(config.pretrain.lora, trained, new, context.folder, base, kept)
    save_model(context.folder, state, kept, model.vocab_size, **facts, eos_id=index.eos_id)


def _start_from_vectors(
    path: Path, model: TrainableModel, tokenizer: "PreTrainedTokenizerFast", context: Context
) -> None:
    words = token_texts(tokenizer)
    count = fill_embeddings(model, path, words)
    if not count:
        raise UserError(
            f"pretrain.vectors={path} has no word that is a token of this tokenizer, so it would change nothing; name "
            "vectors of this language, or leave it out"
        )
    if context.rank == 0:
        context.log.info(
            f"{count:,} of {len(words):,} tokens start as the vectors of {path.name}, the others at random"
        )


def _shards(context: Context) -> ShardIndex:
    """Raises: UserError: where the shards were made with another tokenizer."""
    shards = context.inputs["shards"]
    index = ShardIndex.load(shards)
    if index.tokenizer != tokenizer_hash(context.inputs["tokenizer"]):
        raise UserError(
            f"the shards in {shards} were made with another tokenizer than {context.inputs['tokenizer']}; "
            "run the shards stage again with this tokenizer"
        )
    return index


def _model(start: StartingModel, on_gpu: bool, measure: Measure) -> tuple[TrainableModel, Weights | None]:
    """As `StartingModel.build`.

    Raises:
        UserError: where the model cannot be trained here; where its weights are damaged.
    """
    config = start.config
    trainer, masked, lora = config.trainer, config.data.packing != "concatenate", config.pretrain.lora
    if trainer.steps != 0:
        of = (config.model, start.vocab_size, config.optim, trainer, config.strategy)
        targets = config.objective.target_length(trainer.sequence_length or config.model.context)
        teacher = named_teacher(distill, "pretrain") if (distill := config.pretrain.distill) else None
        memory = Plan(*of, on_gpu, masked, lora, targets, teacher)
        check(memory, known_limit(trainer, on_gpu))
    model, weights = start.build(measure)
    if masked:
        family(config.model).check_segments(model)
    return model, weights


def _measure_held_out(
    data: PretrainingData,
    objective: Objective,
    tokenizer: "PreTrainedTokenizerFast",
    on_gpu: bool,
    context: Context,
) -> Measure:
    """Says in the artifact how much held-out text there is; of weights without rows for new tokens, also what they made
    of it in their own tokens."""

    def measure(base: TrainableModel | None) -> None:
        if context.rank != 0 or not objective.config.gives_perplexity or read_held_out(context.folder):
            return
        texts = held_out_texts(data.validation, data.validation_sequences, tokenizer)
        if base is not None and texts:
            context.log.info("scoring the held-out text with the weights and the tokenizer as they were")
            scorer = OtherTokenizer.of(context.inputs["tokenizer"], data.length, on_gpu)
            streams = {part: TokenStream(context.inputs["shards"], "validation", part) for part in texts}
            texts = scorer.score(base, objective, streams, texts)
        write_held_out(context.folder, texts)

    return measure


def _take_state(initial: InitialWeights, steps: int, context: Context) -> None:
    """Make the checkpoint that the weights are from this run's own, unless it has some already.

    Raises:
        UserError: where the run that is gone on from did as many steps already.
    """
    checkpoint = initial.checkpoint
    if checkpoint is None or list_checkpoints(context.folder):
        return
    if checkpoint.step >= steps:
        raise UserError(
            f"pretrain.with_state: {initial.name} is the last of this run's {steps:,} steps or beyond; raise "
            "trainer.steps, which counts from the first step of the run that is gone on from"
        )
    if not take_checkpoint(checkpoint, context):
        raise UserError(f"the checkpoint {checkpoint.folder} is gone; name another with pretrain.step=…")


def _report(
    plan: TrainingPlan,
    config: PretrainStage,
    data: PretrainingData,
    vocab_size: int,
    parameters: int,
    context: Context,
) -> None:
    trainer, flops, objective = plan.trainer, plan.flops_per_token, config.objective
    tokens = plan.steps * trainer.global_batch * data.length
    epochs = plan.steps * trainer.global_batch / data.mixture.epoch
    context.log.info(
        f"{parameters:,} parameters, {vocab_size:,} token ids; {counted(plan.steps, 'step')} of "
        f"{trainer.global_batch} × {data.length} tokens = {tokens:,} tokens, {epochs:.2f} epochs; "
        f"{counted(context.world_size, 'rank')}, "
        f"{counted(trainer.accumulation, 'micro-batch', 'micro-batches')} per step, "
        + ("FLOPs unknown" if flops is None else f"{tokens * flops:.1e} FLOPs")
    )
    if config.data.first is None and (warning := too_often(epochs)):
        context.log.warning(warning)
    if plan.adapted:
        trained = count_parameters(plan.model, trainable_only=True)
        context.log.info(
            f"{trained:,} parameters are trained, {trained / parameters:.1%} of the model's {parameters:,}"
        )
    context.log.info(f"objective: {objective.summary()}")
    if (distill := config.pretrain.distill) is not None:
        context.log.info(f"teacher: {describe_teacher(distill, 'pretrain')}")
    if not objective.gives_perplexity:
        context.log.info(objective.lacks("perplexity"))
    if plan.sampler is None:
        context.log.info(objective.lacks("sample texts"))
    if plan.steps and plan.order is not None:
        for line in data.describe(plan.order, plan.steps, trainer.global_batch):
            context.log.info(line)
