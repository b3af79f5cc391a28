"""What fine-tuning will need, looked at before anything starts: see `pipeline.preflight`.

torch is imported only where a check cannot do without.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.base_weights import SETTING
from pipeline.config.models import ModelConfig
from pipeline.config.root import RootConfig
from pipeline.formats.cut_examples import NOTABLE_SHARE
from pipeline.formats.training_artifact import artifact_of
from pipeline.known import Known, Warned
from pipeline.text.counts import counted
from train.finetuning.artifact import refuse_classifier
from train.finetuning.data import Splits
from train.finetuning.limits import longest, room_for_more
from train.finetuning.monitoring import describe_monitor
from train.finetuning.task import task_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


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
    warnings, share = task.warnings(), task.shortened_share()
    if share:
        warnings.append(room_for_more(root.finetune, task.base.config))
    words = "; ".join(warnings) or "all examples fit into the model's context"
    return Warned(words) if share >= NOTABLE_SHARE else words


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
        from train.adapters.quantization import check_quantization
        from train.memory.sizes import trained_model

        if settings.lora is not None:
            check_quantization(settings.lora)
        made = trained_model(model, vocab_size or 1, settings.lora)
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
    task = task_of(root.finetune)
    return task.describe_prompt(
        root.finetune, lambda: _tokenizer(root, known), _base_config(root, known).reading
    )


def framed_prompts(root: RootConfig, known: Known) -> str:
    """Look for prompts that a template has written already, before the task writes its own around them.

    Raises:
        UserError: for bad examples, or where the template cannot be used.
    """
    task, reading = task_of(root.finetune), _base_config(root, known).reading
    splits = _splits(root, known)
    words = task.describe_framed_prompts(root.finetune, splits, lambda: _tokenizer(root, known), reading)
    return Warned(words) if words else ""


def _base_config(root: RootConfig, known: Known) -> ModelConfig:
    """The model that fine-tuning starts from."""
    if root.finetune.init is None:
        return root.model
    from train.checkpoints.named_model import located_model

    return located_model(root.finetune.init, known.locate, SETTING).config


def _tokenizer(root: RootConfig, known: Known) -> "PreTrainedTokenizerFast | None":
    """The tokenizer that fine-tuning starts from; None where this run makes one, which has no template of its own."""
    if root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        return named_base(root.finetune.init, known.locate).tokenizer
    if root.tokenizer.pretrained_path is None:
        return None
    from pipeline.formats.tokenizers import load_tokenizer

    return load_tokenizer(known.folder("tokenizer"))
