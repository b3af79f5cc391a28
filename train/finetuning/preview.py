"""The examples as the finetune stage will write them, before it runs."""

from typing import Any

from pipeline.config.root import RootConfig
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.known import Known
from train.finetuning.base_model import BaseModel, named_base
from train.finetuning.task import task_of
from train.finetuning.training import TaskTraining
from train.models import build_model


def preview(root: RootConfig, known: Known) -> TaskTraining[Any]:
    """All examples as token ids, with the tokenizer of what fine-tuning starts from. No weights are read.

    Raises:
        NotYet: where the tokenizer or the examples are still to be made.
        UserError: for bad examples, a bad base model, or where nothing is left within the model's context.
    """
    settings, model = root.finetune, root.model
    if settings.init is not None:
        base = named_base(settings.init, known.locate)
    else:
        tokenizer = load_tokenizer(known.folder("tokenizer"))
        base = BaseModel(
            "the model", model, len(tokenizer), tokenizer, lambda: build_model(model, len(tokenizer))
        )
    task = task_of(settings)
    return task.training(settings, base, task.read_splits(settings, known.locate))
