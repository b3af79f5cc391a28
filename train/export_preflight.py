"""Whether a run's model can be handed on in the formats that it names, looked at before anything trains."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.root import RootConfig
from pipeline.errors import UserError
from pipeline.formats.model_folder import TOKENIZER_FOLDER
from pipeline.known import Known
from pipeline.packages import check_each

if TYPE_CHECKING:
    from train.models import ConfigFields


def formats(root: RootConfig, known: Known) -> str:
    """Look whether each format's packages are there, and whether it knows the model and the tokenizer.

    Raises:
        UserError: where one does not.
    """
    if not root.export.formats:
        return ""
    from train.exporting.formats import module_of

    check_each(partial(module_of(format).check_installed, format) for format in root.export.formats)
    fields = _fields(root, known)
    for format in root.export.formats:
        module_of(format).check_model(format, fields)
    tokenizer = _tokenizer(root, known)
    for format in root.export.formats:
        module_of(format).check_tokenizer(format, tokenizer)
    return ", ".join(format.label for format in root.export.formats)


def _fields(root: RootConfig, known: Known) -> "ConfigFields":
    """What config.json of the export will say."""
    from train.finetuning.task import task_of
    from train.models import family

    if root.finetune.enabled and not task_of(root.finetune).scores_text:
        raise UserError(
            f"export.formats are of models that write text, and finetune={root.finetune.choice} makes one with a head "
            "of its own; leave export.formats out"
        )
    model, vocab_size = root.model, root.tokenizer.expected_size() or 1
    if root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        base = named_base(root.finetune.init, known.locate)
        model, vocab_size = base.config, base.vocab_size
    if model.reading == "left_to_right":
        fields = family(model).config_fields(model, vocab_size)
        if fields is not None:
            return fields
    raise UserError(
        f"export.formats: a model of model.family={model.choice} is none of the layouts gpt2, llama and qwen3 that "
        "they are made of; leave export.formats out"
    )


def _tokenizer(root: RootConfig, known: Known) -> dict[str, Any]:
    """The content of tokenizer.json."""
    if root.finetune.init is not None:
        from train.finetuning.base_model import named_base

        return json.loads(named_base(root.finetune.init, known.locate).tokenizer.backend_tokenizer.to_str())
    path = Path(root.tokenizer.pretrained_path or ".").expanduser() / "tokenizer.json"
    if root.tokenizer.pretrained_path is None or not path.is_file():
        path = known.folder("tokenizer") / TOKENIZER_FOLDER / "tokenizer.json"
    return json.loads(path.read_text(encoding="utf-8"))
