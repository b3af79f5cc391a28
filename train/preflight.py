"""What training will need, looked at before any of it starts: see `pipeline.preflight`.

torch is imported only where a check cannot do without.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.base_weights import SETTING
from pipeline.config.lora import LoRAConfig
from pipeline.config.models import ModelConfig
from pipeline.config.root import RootConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.shards import ShardIndex
from pipeline.formats.training_artifact import ArtifactFolder, artifact_of
from pipeline.known import Known, NotYet, Warned
from pipeline.text.counts import counted
from train.data.sequences import NO_VALIDATION, check_sequences
from train.finetuning.artifact import TASK_FILE, read_task
from train.finetuning.data import Splits
from train.finetuning.limits import longest
from train.finetuning.monitoring import describe_monitor
from train.finetuning.task import task_of

NOTABLE_SHARE = 0.1
"""Of the training examples, from which on it is a warning that they are cut."""

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from train.checkpoints.initial import InitialWeights
    from train.models import TrainableModel


def gpus(root: RootConfig, known: Known) -> str:
    """Raises: UserError: where pretraining asks for more GPUs than this machine has, on which it is to run."""
    return _visible_gpus(root, root.trainer)


def gpus_of_finetuning(root: RootConfig, known: Known) -> str:
    """Raises: UserError: as `gpus`."""
    return _visible_gpus(root, root.finetune.trainer)


def _visible_gpus(root: RootConfig, trainer: TrainerConfig) -> str:
    if trainer.accelerator != "gpu" or not root.launcher.here:
        return ""
    from train.devices import check_gpus

    try:
        check_gpus(trainer)
    except UserError as lacking:
        if root.dryrun:  # of a run on another machine, perhaps
            raise NotYet(f"where it runs: {lacking}") from None
        raise
    return counted(trainer.devices, "GPU")


def sequences(root: RootConfig, known: Known) -> str:
    """Compare the token streams with the length of a sequence.

    Raises:
        UserError: where one is too short to be trained on.
    """
    index, length = (
        ShardIndex.load(known.folder("shards")),
        root.trainer.sequence_length or root.model.context,
    )
    tokens = {split: index.part_tokens(split) for split in ("train", "validation")}
    counts = {
        split: {part: root.objective.examples_in(of, length) for part, of in parts.items()}
        for split, parts in tokens.items()
    }
    for part, count in counts["train"].items():
        name = f"part {part} of the train split" if part else "the train split"
        check_sequences(name, tokens["train"][part], count, length)
    lacking = [part or "the corpus" for part in counts["train"] if not counts["validation"].get(part)]
    words = ", ".join(f"{sum(parts.values()):,} for {split}" for split, parts in counts.items())
    return f"{words}, of {length:,} tokens each" + (
        f"; of {', '.join(lacking)}: {NO_VALIDATION}" if lacking else ""
    )


def weights(root: RootConfig, known: Known) -> str:
    """Look whether the weights that training starts from are whole, and of use for it.

    Raises:
        UserError: where they are damaged, or of a classifier; where the training state that is asked for is another
            optimizer's, or has done all steps.
    """
    if root.pretrain.init is None:
        return ""
    from train.checkpoints.initial import initial_weights

    initial = initial_weights(root.pretrain)
    if initial is None:
        return ""  # on the hub
    initial.check_files()
    refuse_classifier(Path(root.pretrain.init), initial)
    if root.pretrain.with_state and initial.checkpoint is not None:
        _check_state(root, initial.checkpoint)
    return f"it starts from {initial.name}"


def refuse_classifier(folder: Path, initial: "InitialWeights") -> None:
    """Raises: UserError: where the weights in an artifact's folder are of a task's head in place of next tokens."""
    if (folder / TASK_FILE).is_file():
        task, facts = read_task(folder)
        if not task.scores_text:
            raise UserError(
                f"{initial.setting}: {initial.name} is fine-tuned to the task {facts['task']!r} and predicts no text; "
                f"name the model before: {ArtifactFolder(folder).model_before(str(folder))}"
            )


def _check_state(root: RootConfig, checkpoint: Checkpoint) -> None:
    theirs = ArtifactFolder(checkpoint.folder.parents[1]).spec.config.get("optim", {}).get("name")
    if theirs != root.optim.choice:
        raise UserError(
            f"pretrain.with_state: the checkpoint {checkpoint.folder} holds the state of optim={theirs}, not of "
            f"optim={root.optim.choice}; set optim={theirs}, or leave with_state out"
        )
    steps = root.trainer.steps
    if steps is not None and checkpoint.step >= steps:
        raise UserError(
            f"pretrain.with_state: the checkpoint is of step {checkpoint.step:,}, and trainer.steps={steps} counts "
            "from the first step of the run that is gone on from; raise it"
        )


def objective(root: RootConfig, known: Known) -> str:
    """Look whether the tokenizer has what the objective needs.

    Raises:
        UserError: where it has not.
    """
    if not root.objective.fits_any_tokenizer:
        folder = known.folder("tokenizer")
        from pipeline.formats.tokenizers import load_tokenizer
        from train.objectives import build_objective

        length = root.trainer.sequence_length or root.model.context
        build_objective(root.objective, load_tokenizer(folder), root.seed).check_length(length)
    return root.objective.summary()


def vectors(root: RootConfig, known: Known) -> str:
    """Look whether the word vectors that embeddings are to start as fit the model.

    Raises:
        UserError: where they have another width, or the file is none of word2vec's.
    """
    if root.pretrain.vectors is None:
        return ""
    from train.models.sizes import build_on_meta
    from train.models.word_vectors import check_width

    table = check_width(build_on_meta(root.model, 8), Path(root.pretrain.vectors))
    return f"vectors of {table.embedding_dim} numbers"


def model(root: RootConfig, known: Known) -> str:
    """Ask of the model, made without memory for its weights, what the settings ask of it.

    Raises:
        UserError: where it cannot keep documents apart or recompute its blocks, or is of no use to the optimizer.
    """
    if root.model.does_all and root.optim.fits_layers and root.pretrain.lora is None:
        return ""
    from train.models import family
    from train.models.sizes import build_on_meta
    from train.optim import build_optimizer

    made = build_on_meta(root.model, root.tokenizer.expected_size() or 1)
    if root.data.packing != "concatenate":
        family(root.model).check_segments(made)
    if root.trainer.activation_checkpointing:
        made.gradient_checkpointing = root.trainer.activation_checkpointing
    if root.trainer.steps == 0:
        return ""  # nothing is optimized
    if root.pretrain.lora is not None:
        made = _trained(root.model, root.tokenizer.expected_size() or 1, root.pretrain.lora)
    build_optimizer(made, root.optim)
    return ""


def _trained(model: ModelConfig, vocab_size: int, lora: LoRAConfig | None) -> "TrainableModel":
    """The model on the meta device, with its adapters where it has some.

    Raises:
        UserError: where it cannot have them; where what they need is not installed.
    """
    from train.adapters.quantization import check_quantization
    from train.memory.sizes import trained_model

    if lora is not None:
        check_quantization(lora)
    return trained_model(model, vocab_size, lora)


def examples(root: RootConfig, known: Known) -> str:
    """Read all files of examples.

    Raises:
        UserError: for a file or row that is none, a split without examples, or a label that is not trained on.
    """
    settings, task, splits = root.finetune, task_of(root.finetune), _splits(root, known)
    counts = (
        f"{counted(len(splits.train), 'example')} for training, {len(splits.validation):,} for validation, "
        f"{len(splits.test):,} for the test"
    )
    return "; ".join(
        filter(
            None,
            [
                counts,
                task.describe_examples(settings, splits),
                describe_monitor(settings, splits),
                splits.describe_left_out(),
                splits.describe_unread(),
            ],
        )
    )


def lengths(root: RootConfig, known: Known) -> str:
    """Write all examples as token ids, as the stage itself will, once the tokenizer is there.

    Raises:
        UserError: where nothing is left of them within the model's context.
    """
    if root.finetune.init is None:
        known.folder("tokenizer")  # puts the check off before anything heavy is imported
    from train.finetuning.preview import preview

    task = preview(root, known)
    warnings = task.warnings()
    if task.shortened_share() >= NOTABLE_SHARE:
        return Warned("; ".join([*warnings, _for_long_examples(root)]))
    return "; ".join(warnings) or "all examples fit into the model's context"


def _for_long_examples(root: RootConfig) -> str:
    """What to do where many are too long."""
    if root.finetune.max_length is not None:
        longer = "raise finetune.max_length, at most to the model's context"
    elif root.finetune.init is not None:
        longer = "start from a model with a longer context"
    else:
        longer = "give the model a longer context (model.context)"
    return f"that is a good part of them: {longer}, or leave the long ones out"


def _splits(root: RootConfig, known: Known) -> Splits:
    return task_of(root.finetune).read_splits(root.finetune, known.locate)


def base_model(root: RootConfig, known: Known) -> str:
    """Compare the task's settings with the model that it starts from.

    Raises:
        UserError: where `finetune.init` is no model with its tokenizer, or the model is of no use for the task, or
            cannot keep apart what shares a row.
    """
    settings, model, name, vocab_size = root.finetune, root.model, "the model", root.tokenizer.expected_size()
    if settings.init is not None:
        from train.finetuning.base_model import named_base

        _check_run(settings.init)
        base = named_base(settings.init, known.locate)
        model, name, vocab_size = base.config, base.name, base.vocab_size
    task_of(settings).check_base(model, name)
    length = longest(settings, model, name)
    if settings.lora is not None or settings.batching == "packed":
        # The layers are called the same whatever the size of the vocabulary.
        made = _trained(model, vocab_size or 1, settings.lora)
        if settings.batching == "packed":
            from train.models import family

            family(model).check_segments(made)
    return f"{name} reads examples of up to {length:,} tokens"


def _check_run(init: str) -> None:
    """Of a run's weights, whether their files are whole, and of a model that writes text."""
    if artifact_of(Path(init)) is not None:
        from train.checkpoints.initial import find_weights

        found = find_weights(init, SETTING)
        found.check_files()
        refuse_classifier(Path(init), found)


def prompts(root: RootConfig, known: Known) -> str:
    """Write an example as the task does: the chat template is the tokenizer's own, where it has one.

    Raises:
        UserError: where the template cannot be used.
    """
    task, model = task_of(root.finetune), root.model
    if root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        model = named_base(root.finetune.init, known.locate).config
    return task.describe_prompt(root.finetune, lambda: _tokenizer(root, known), model.reading)


def _tokenizer(root: RootConfig, known: Known) -> "PreTrainedTokenizerFast | None":
    """The tokenizer that fine-tuning starts from; None where this run makes one, which has no template of its own."""
    if root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        return named_base(root.finetune.init, known.locate).tokenizer
    if root.tokenizer.pretrained_path is None:
        return None
    from pipeline.formats.tokenizers import load_tokenizer

    return load_tokenizer(known.folder("tokenizer"))
