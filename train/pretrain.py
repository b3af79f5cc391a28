"""The pretrain stage: a language model from random weights on token shards."""

import math
from typing import Any

from pipeline.config.stages import PretrainStage
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.shards import ShardIndex, TokenStream, verify
from pipeline.formats.tokenizers import load_tokenizer, tokenizer_hash
from train.checkpoints.final_model import save_model
from train.data.batches import Concatenation
from train.data.mixture import Mixture
from train.data.packing import pack, packing_figures
from train.data.sequences import NO_VALIDATION
from train.data.steps import count_steps
from train.generation.generate import encode_prompts
from train.generation.samples import sample_texts
from train.loop import fit, prepare
from train.memory.check import Plan, check, known_limit
from train.models import build_model, count_parameters, family
from train.training_plan import TrainingPlan
from train.trunk import Course, start_from_trunk


def run(config: PretrainStage, context: Context) -> dict[str, Any]:
    """Train, keep checkpoints, and write the final weights to `<folder>/model`."""
    shards, trainer = context.inputs["shards"], config.trainer
    index = ShardIndex.load(shards)
    if index.tokenizer != tokenizer_hash(context.inputs["tokenizer"]):
        raise UserError(
            f"the shards in {shards} were made with another tokenizer than {context.inputs['tokenizer']}; "
            "run the shards stage again with this tokenizer"
        )
    if context.rank == 0:
        verify(shards)
    length = trainer.sequence_length or config.model.context
    streams = {part: TokenStream(shards, "train", part) for part in index.part_tokens("train")}
    parts = {part: pack(config.data, stream, length) for part, stream in streams.items()}
    train = Concatenation(list(parts.values()))
    mixture = Mixture(config.data, {part: len(examples) for part, examples in parts.items()}, length)
    validation = {
        part: pack(config.data, TokenStream(shards, "validation", part), length)
        for part, tokens in index.part_tokens("validation").items()
        if tokens > length
    }
    for part in index.part_tokens("train"):
        if part not in validation and context.rank == 0:
            context.log.warning("%s: %s", part or "the corpus", NO_VALIDATION)

    on_gpu = prepare(trainer, config.seed)
    masked = config.data.packing != "concatenate"
    memory = Plan(config.model, index.vocab_size, config.optim, trainer, config.strategy, on_gpu, masked)
    check(memory, known_limit(trainer, on_gpu))
    model = build_model(config.model, index.vocab_size)
    if masked:
        family(config.model).check_segments(model)
    steps = count_steps(trainer, mixture.epoch, length, count_parameters(model))
    order = mixture.order(steps, trainer.global_batch, config.seed)

    def course(of: PretrainStage) -> Course:
        """What a run with these settings, on this data, does at each step."""
        its_steps = count_steps(of.trainer, mixture.epoch, length, count_parameters(model))
        its_order = mixture.order(its_steps, of.trainer.global_batch, of.seed)
        return Course(of.schedule, its_steps, its_order, of.trainer.global_batch)

    flops = family(config.model).flops_per_token(config.model, index.vocab_size, length)
    if context.rank == 0:
        tokens = steps * trainer.global_batch * length
        epochs = steps * trainer.global_batch / mixture.epoch
        context.log.info(
            f"{count_parameters(model) / 1e6:.1f}M parameters, {index.vocab_size:,} token ids; {steps:,} steps of "
            f"{trainer.global_batch} × {length} tokens = {tokens / 1e6:,.1f}M tokens, {epochs:.2f} epochs; "
            f"{context.world_size} rank(s), {trainer.accumulation} micro-batch(es) per step, "
            + ("FLOPs unknown" if flops is None else f"{tokens * flops:.1e} FLOPs")
        )
        for line in mixture.describe(order, steps, trainer.global_batch):
            context.log.info(line)
        if config.data.packing == "best_fit":
            for part, stream in streams.items():
                figures = packing_figures(stream, length, len(parts[part]))
                context.log.info(f"packed{f' {part}' if part else ''}: {figures}")
        start_from_trunk(context, course(config), course)
    tokenizer = load_tokenizer(context.inputs["tokenizer"])
    texts = trainer.sample_prompts
    prompts = list(zip(texts, encode_prompts(tokenizer, texts), strict=True))
    plan = TrainingPlan(
        model=model,
        train=train,
        validation=validation,
        steps=steps,
        tokens_per_example=length,
        flops_per_token=flops,
        optim=config.optim,
        schedule=config.schedule,
        trainer=trainer,
        strategy=config.strategy,
        seed=config.seed,
        on_gpu=on_gpu,
        decode=tokenizer.decode,
        order=order,
        sampler=lambda module: sample_texts(module.model, tokenizer, prompts, config.seed),
    )
    result = fit(plan, context)
    if result.state is not None:
        save_model(
            context.folder,
            result.state,
            config.model,
            index.vocab_size,
            tokenizer=index.tokenizer,
            eos_id=index.eos_id,
        )
    metrics = {
        "parameters": count_parameters(model),
        "steps": result.steps,
        "tokens": result.tokens,
        "train_loss": result.train_loss,
        "tokens_per_second": result.tokens_per_second,
    }
    if flops is not None:
        metrics["flops"] = flops * result.tokens
    if result.validation_loss is not None:
        metrics["validation_loss"] = result.validation_loss
        metrics["validation_perplexity"] = math.exp(min(result.validation_loss, 50.0))
        metrics["best_validation_loss"] = result.best_validation_loss
    return metrics
