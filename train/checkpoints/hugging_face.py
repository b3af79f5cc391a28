"""The model in a Hugging Face folder: as one of our own families where it computes that, else as transformers'."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import nn

from pipeline.config.models import ModelConfig
from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError
from pipeline.formats.architectures import longest_sequence
from pipeline.formats.foreign_code import own_classes, refusing_foreign_code
from train.checkpoints.final_model import load_weights
from train.models import ConfigFields, MaskedLanguageModel, TrainableModel, build_model
from train.models.family import OF_THE_FOLDER, family_of

DEFAULT_CONTEXT = 1024
"""For architectures whose config names no longest sequence."""


@dataclass(frozen=True)
class FolderModel:
    """What a folder holds, before its weights are read."""

    folder: Path
    config: ModelConfig
    """Names no file: a model that is saved with it does not need the folder any more."""
    vocab_size: int

    def load(self) -> TrainableModel:
        """A new copy of the model.

        Raises:
            UserError: where the weights are damaged, or not those that config.json names.
        """
        model = build_model(self.config, self.vocab_size)
        self.fill(model)
        return model.train()

    def fill(self, model: nn.Module) -> None:
        """Give a model of this config and vocabulary the folder's weights.

        Raises:
            UserError: as `load`.
        """
        from train.models.hf.checkpoint import load_checkpoint

        ours = self.config.choice != "hf"
        target = model if ours else cast(nn.Module, model.model)
        pairs = isinstance(model, MaskedLanguageModel) and model.judges_pairs
        theirs = load_checkpoint(self.folder, reading=self.config.reading, pairs=pairs)
        load_weights(target, theirs.state_dict(), str(self.folder))


def read_folder(folder: Path, place: str) -> FolderModel:
    """The model that a folder's config.json describes.

    Args:
        place: what named it, for messages, such as `finetune.init=FOLDER`.

    Raises:
        UserError: where it holds none, or one that takes code of others.
    """
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise UserError(f"{place} holds no config.json; name a folder as save_pretrained writes it")
    try:
        with refusing_foreign_code(place):
            hf_config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        own_classes(hf_config, place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{place}: its config.json cannot be read ({error})") from None
    fields = {name: value for name, value in hf_config.to_dict().items() if name not in OF_THE_FOLDER}
    vocab_size = getattr(hf_config.get_text_config(), "vocab_size", None)
    if not isinstance(vocab_size, int):
        raise UserError(f"{place} is no language model: its config.json names no vocab_size")
    return FolderModel(folder, _section(fields), vocab_size)


def _section(fields: ConfigFields) -> ModelConfig:
    for section in ModelConfig.choices().values():
        if fields["model_type"] in (family := family_of(section)).model_types:
            try:
                return family.from_hf_config(fields)
            except UserError:
                pass  # a variant that this family does not compute
    return HuggingFaceConfig(config=fields, context=longest_sequence(fields) or DEFAULT_CONTEXT)


def model_section(folder: Path) -> dict[str, Any]:
    """The `model` section of `pretrain.init=FOLDER`.

    Raises:
        UserError: as `read_folder`.
    """
    return read_folder(folder, f"pretrain.init={folder}").config.model_dump(mode="json")
