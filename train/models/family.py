"""What the rest of the program asks of a family of models."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from torch import nn

from pipeline.config.models import ModelConfig
from pipeline.errors import UserError
from train.models.interface import TrainableModel
from train.models.numerics import Numerics

ConfigFields = dict[str, Any]
"""What a config.json of transformers says: its fields differ by architecture."""

OF_THE_FOLDER = ("_name_or_path", "transformers_version")
"""Fields of where it lay and who wrote it, which are not the model's."""


class ModelFamily:
    """A family's module has a subclass of this, an object of which is its `FAMILY`.

    Only `build` must be there. What a family does not provide is told as such: throughput then has no MFU, memory is
    not predicted, and the export is for this project's own loader.
    """

    can_recompute = False
    """Whether `trainer.activation_checkpointing` saves memory."""
    can_recompute_some = False
    """Whether it may be a number above 1, so that some of the blocks are recomputed."""

    draws_by_layer = False
    """Whether a model's fresh weights are what each layer's `reset_parameters` draws, in the order of `modules()`. Then
    several ranks build it without memory for its weights, and draw one layer after the other."""

    parameter_prefix = ""
    """What stands before the names that a parameter has in the class of transformers."""

    model_types: Collection[str] = ()
    """Architectures of transformers that it computes with weights of the same names and shapes, as their config.json
    calls them."""

    def from_hf_config(self, fields: ConfigFields) -> ModelConfig:
        """The section for a config.json of one of `model_types`.

        Raises:
            UserError: for a variant that the family does not compute.
        """
        raise NotImplementedError

    def build(self, config: Any, vocab_size: int) -> TrainableModel:
        """The model with fresh weights (or a checkpoint's, where the section names one): a `LanguageModel`, where its
        section says that it reads from left to right.

        Random numbers come from torch's global generator.
        """
        raise NotImplementedError

    def without_weights(self, config: Any, vocab_size: int) -> Any:
        """The section of the same model that names no file of weights: nothing needs the file any more.

        Args:
            vocab_size: rows of its embeddings.
        """
        return config

    def with_targets(self, length: int) -> Self:
        """The family as it answers what follows for examples with targets of so many tokens, which an encoder–decoder
        writes, or a masked language model finds; none are 0."""
        return self

    def flops_per_token(self, config: Any, vocab_size: int, length: int) -> float | None:
        """FLOPs of forward and backward pass per token of a sequence of `length`; see `train/models/flops.py`."""
        return None

    def activation_bytes(
        self, config: Any, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int | None:
        """Bytes per token that autograd holds at the end of the forward pass, without the loss's.

        Of every `recompute`-th block (activation checkpointing; 0 for none) the input is kept, and one such block is
        held in full at a time. The temporaries of one block's backward pass are counted too. `masked` is for documents
        kept apart by a mask.
        """
        return None

    def loss_bytes(self, config: Any, vocab_size: int, tokens: int, numerics: Numerics) -> int | None:
        """Bytes of the output matrix's products and the cross-entropy of a micro-batch at their peak."""
        return None

    def check_segments(self, model: Any) -> None:
        """Raises: UserError: where the model cannot keep documents apart that share a sequence; by default none can."""
        raise UserError(
            "data.packing: this model's family does not say that it keeps documents apart that share a sequence; use "
            "data.packing=concatenate, and of fine-tuning finetune.batching=by_length"
        )

    def names_in(self, config: Any, auto_class: str) -> Mapping[str, str] | None:
        """Where a class of transformers with a head of a task has other names than this model with such a head.

        Args:
            auto_class: that reads the model, such as `AutoModelForTokenClassification`.

        Returns what the parameters' names begin with here, and there; None where there is no such class for the model.
        """
        return None

    def config_fields(self, config: Any, vocab_size: int) -> ConfigFields | None:
        """What config.json of an export will say of the architecture; None where there is no class for it, or nothing
        is known of it yet."""
        return None

    def export(
        self, model: Any, weights: Path, folder: Path, vocab_size: int, ids: dict[str, int | None]
    ) -> ConfigFields | None:
        """Write the weights for a class of transformers.

        Args:
            weights: the artifact's safetensors file.
            ids: `bos_token_id`, `eos_token_id` and `pad_token_id` of the tokenizer.

        Returns the fields of config.json; None where transformers has no class for the model, and nothing is written.
        """
        return None


class FamilyModule(Protocol):
    """A module that a section of `pipeline/config/models/` names."""

    FAMILY: ModelFamily


def family(config: ModelConfig) -> ModelFamily:
    """The family of a `model` section. It is imported when asked for: some load much of transformers."""
    return family_of(type(config))


def family_of(section: type[ModelConfig]) -> ModelFamily:
    """The family of a class of `model` sections."""
    return section.load(FamilyModule).FAMILY


def build_model(config: ModelConfig, vocab_size: int) -> TrainableModel:
    """The model of a `model` section, with fresh weights (or a checkpoint's, where one is named).

    Random numbers come from torch's global generator; seed it first.
    """
    return family(config).build(config, vocab_size)


def flops_per_token(config: ModelConfig, targets: int, vocab_size: int, length: int) -> float | None:
    """FLOPs of training a model per token of a sequence of `length`; None where the family does not say.

    Args:
        targets: tokens of a sequence that are predicted, as `ObjectiveConfig.target_length` has it.
    """
    return family(config).with_targets(targets).flops_per_token(config, vocab_size, length)


def count_parameters(model: nn.Module, *, trainable_only: bool = False) -> int:
    """Number of weights, shared ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)
