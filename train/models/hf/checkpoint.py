"""Models of `transformers` as they are made from a config or read from a folder, each by the class for how it reads."""

import logging
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.errors import UserError, first_line
from pipeline.formats.architectures import Reading, reading_of
from pipeline.formats.foreign_code import own_classes, refusing_foreign_code
from train.models.finite import all_finite

log = logging.getLogger(__name__)

AUTO_CLASSES: dict[Reading, str] = {
    "left_to_right": "AutoModelForCausalLM",
    "bidirectional": "AutoModelForMaskedLM",
    "encoder_decoder": "AutoModelForSeq2SeqLM",
}
"""The class of transformers that makes a language model of each reading."""
PAIRS_CLASS = "AutoModelForPreTraining"
"""The class that makes a masked language model with layers that judge pairs of texts, where an architecture has one."""
KINDS: dict[Reading, str] = {
    "left_to_right": "causal",
    "bidirectional": "masked",
    "encoder_decoder": "encoder–decoder",
}


def read_config(config: HuggingFaceConfig, vocab_size: int) -> PretrainedConfig:
    """The `transformers` config that a `model` section stands for.

    Raises:
        UserError: where the folder, the model type or a field is none of transformers'.
    """
    if config.path is not None:
        place = f"model.path={config.path}"
        try:
            with refusing_foreign_code(place):
                return own_classes(AutoConfig.from_pretrained(config.path, trust_remote_code=False), place)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"model.path={config.path} is no folder with a config.json that transformers reads: "
                f"{first_line(error)}"
            ) from None
    fields = dict(config.config)
    model_type = fields.pop("model_type", None)
    if model_type is None:
        raise UserError("model.config has no model_type; name a transformers architecture, or set model.path")
    fields = {"max_position_embeddings": config.context, **fields, "vocab_size": vocab_size}
    try:
        # Ids of special tokens default to those of the published vocabulary, which may lie beyond ours.
        settings = AutoConfig.for_model(
            model_type, **{"bos_token_id": None, "eos_token_id": None, "pad_token_id": None} | fields
        )
        return own_classes(settings, "model.config")
    except UserError:
        raise
    except Exception as error:  # what a wrong field raises differs by architecture
        raise UserError(
            f"model.config is no config of model_type={model_type!r}: {first_line(error)}"
        ) from None


def from_config(settings: PretrainedConfig, reading: Reading, *, pairs: bool = False) -> PreTrainedModel:
    """A language model with random weights, in fp32.

    Args:
        pairs: of the class that judges pairs of texts, too.

    Raises:
        UserError: where the architecture has none that reads so.
    """
    try:
        return getattr(transformers, PAIRS_CLASS if pairs else AUTO_CLASSES[reading]).from_config(
            settings, dtype=torch.float32, trust_remote_code=False
        )
    except ValueError as error:
        raise UserError(
            f"model_type={settings.model_type!r} is no {KINDS[reading]} language model: {first_line(error)} "
            "(model.reads says how it reads, where that is not known)"
        ) from None


def load_checkpoint(
    folder: str | Path,
    settings: PretrainedConfig | None = None,
    reading: Reading | None = None,
    *,
    pairs: bool = False,
) -> PreTrainedModel:
    """The language model in a folder, in fp32.

    Args:
        reading: None goes by its config.json.
        pairs: as of `from_config`.

    Raises:
        UserError: where its weights cannot be read, are not finite, or are not the whole model's: transformers only
            warns of that, and leaves at random what is missing. A body alone will do of a model that reads both sides:
            what is put on it is new then.
    """
    try:
        with refusing_foreign_code(str(folder)):
            if settings is None:
                settings = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            reading = reading or reading_of(settings.to_dict())
            auto_class = PAIRS_CLASS if pairs else AUTO_CLASSES[reading]
            model, found = getattr(transformers, auto_class).from_pretrained(
                folder,
                config=settings,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
            )
    except (UserError, MemoryError):
        raise
    except (
        Exception
    ) as error:  # which, differs by what is damaged: a SafetensorError, a RuntimeError, a TypeError, …
        raise UserError(
            f"{folder}: its weights cannot be loaded ({first_line(error)}); get the folder again, or name another"
        ) from None
    missing: list[str] = sorted(found["missing_keys"])
    body = f"{model.base_model_prefix}."
    is_body = missing and not any(name.startswith(body) for name in missing)
    if is_body and reading_of(model.config.to_dict()) == "bidirectional":
        log.warning("%s holds no output layers of a language model: new ones are drawn", folder)
    elif missing:
        raise UserError(
            f"{folder}: its weights are not those of the {type(model).__name__} that its config.json names: "
            f"{len(missing)} are missing ({missing[0]}, …); get the folder again, or name another"
        )
    if not all_finite(model.parameters()):
        raise UserError(
            f"{folder}: some of its weights are not finite, as of a model whose training has diverged; name another"
        )
    return model
