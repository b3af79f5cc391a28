"""What fine-tuning starts from: what this run has pretrained, or weights that exist, with their tokenizer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.base_weights import SETTING
from pipeline.config.models import ModelConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.foreign_code import refusing_foreign_code
from pipeline.formats.model_folder import tokenizer_files
from pipeline.formats.tokenizers import load_tokenizer
from pipeline.formats.training_artifact import ArtifactFolder
from train.checkpoints.named_model import NamedModel, located_model, model_of_run, named_model
from train.models import TrainableModel
from train.models.weights import Weights

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


@dataclass(frozen=True)
class BaseModel:
    """A trained language model and its tokenizer."""

    name: str
    config: ModelConfig
    vocab_size: int
    tokenizer: "PreTrainedTokenizerFast"
    load: Callable[[], TrainableModel]
    """A new copy of the model."""
    by_layer: Callable[[int], tuple[TrainableModel, Weights] | None] = lambda ranks: None
    """As `NamedModel.by_layer`."""


def find_base_model(init: str | None, context: Context) -> BaseModel:
    """The pretrained artifact among the inputs, or what `finetune.init` was found to be.

    Raises:
        UserError: where there is no model or no tokenizer, or the two do not fit.
    """
    return _checked(_pretrained(context)) if init is None else named_base(init, context.locate)


def named_base(init: str, locate: Callable[[str], Path]) -> BaseModel:
    """What `finetune.init` was found to be: a folder, or a pinned name on the hub. No weights are read before the model
    is loaded.

    Args:
        locate: from a path in the configuration to a folder, as `Context.locate`.

    Raises:
        UserError: where there is no model or no tokenizer, or the two do not fit.
    """
    return _checked(_with_tokenizer(located_model(init, locate, SETTING), init))


def base_in_folder(folder: Path, setting: str = SETTING) -> BaseModel:
    """The model in a Hugging Face folder; no weights are read before it is loaded.

    Args:
        setting: what named the folder, for messages.

    Raises:
        UserError: where there is no model or no tokenizer, or the two do not fit.
    """
    return _checked(_with_tokenizer(named_model(str(folder), setting), str(folder), setting))


def _checked(base: BaseModel) -> BaseModel:
    # A model that reads both sides writes nothing, and BERT's tokenizer has no such token.
    if base.tokenizer.eos_token_id is None and base.config.reading != "bidirectional":
        raise UserError(
            f"the tokenizer of {base.name} has no eos_token, so no response could end; give it one"
        )
    if len(base.tokenizer) > base.vocab_size:
        raise UserError(
            f"the tokenizer of {base.name} has {len(base.tokenizer):,} ids, its model {base.vocab_size:,}: "
            "they do not belong together"
        )
    return base


def _pretrained(context: Context) -> BaseModel:
    artifact = context.inputs["pretrain"]
    model = model_of_run(artifact, ArtifactFolder(artifact), SETTING)
    return _base_model(model, load_tokenizer(context.inputs["tokenizer"]))


def _with_tokenizer(model: NamedModel, init: str, setting: str = SETTING) -> BaseModel:
    """Args: init: what was named, for messages."""
    if model.artifact is not None:
        tokenizer = load_tokenizer(model.artifact.tokenizer_artifact)
    else:
        tokenizer = _fast_tokenizer(model.tokenizer, f"{setting}={init}")
    return _base_model(model, tokenizer)


def _base_model(model: NamedModel, tokenizer: "PreTrainedTokenizerFast") -> BaseModel:
    return BaseModel(model.name, model.config, model.vocab_size, tokenizer, model.load, model.by_layer)


def _fast_tokenizer(folder: Path, place: str) -> "PreTrainedTokenizerFast":
    from transformers import PreTrainedTokenizerFast

    tokenizer = _tokenizer(folder, place)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(
            f"the tokenizer in {folder} has no tokenizer.json; convert it to a fast tokenizer first"
        )
    return tokenizer


def _tokenizer(folder: Path, place: str) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase | None = None
    why = ""
    try:
        with refusing_foreign_code(f"the tokenizer in {place}"):
            made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        # Of some architectures transformers makes an empty one where there are no files.
        if made is not None and any((folder / name).is_file() for name in made.vocab_files_names.values()):
            tokenizer = made
    except UserError:
        raise
    except Exception as error:  # `tokenizers` raises bare Exception
        # Where there is no tokenizer.json, what transformers says is of ways to convert one.
        why = (
            f" ({(str(error).splitlines() or [type(error).__name__])[0]})" if tokenizer_files(folder) else ""
        )
    if tokenizer is None:
        raise UserError(
            f"{place} holds no tokenizer that transformers reads{why}; put the model's tokenizer.json "
            "and tokenizer_config.json there"
        )
    return tokenizer
