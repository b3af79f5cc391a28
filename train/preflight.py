"""What pretraining will need, and the GPUs of both trainings, looked at before any starts: see `pipeline.preflight`.

torch is imported only where a check cannot do without.
"""

from pathlib import Path

from pipeline.config.root import RootConfig
from pipeline.config.training import TrainerConfig
from pipeline.errors import UserError
from pipeline.formats.checkpoints import Checkpoint
from pipeline.formats.shards import ShardIndex
from pipeline.formats.training_artifact import ArtifactFolder
from pipeline.known import Known, NotYet
from pipeline.text.counts import counted
from train.data.sequences import NO_VALIDATION, check_sequences
from train.finetuning.artifact import refuse_classifier


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
    from train.adapters.quantization import check_quantization
    from train.memory.sizes import trained_model
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
    if (lora := root.pretrain.lora) is not None:
        check_quantization(lora)
        made = trained_model(root.model, root.tokenizer.expected_size() or 1, lora)
    build_optimizer(made, root.optim)
    return ""
