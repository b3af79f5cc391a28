"""What the program asks of our encoder."""

from pathlib import Path
from typing import Self

from safetensors.torch import load_file, save_file

from pipeline.config.models.encoder import EncoderConfig
from train.models.encoder import activations
from train.models.encoder.hf_config import ARCHITECTURES, from_hf_config, to_hf_config
from train.models.encoder.label_head import in_transformers
from train.models.encoder.model import Encoder
from train.models.family import ConfigFields, ModelFamily
from train.models.flops import training_flops
from train.models.lm_head import head_bytes
from train.models.numerics import Numerics


class EncoderFamily(ModelFamily):
    can_recompute = True
    can_recompute_some = True
    draws_by_layer = True
    model_types = tuple(ARCHITECTURES)

    def from_hf_config(self, fields: ConfigFields) -> EncoderConfig:
        return from_hf_config(fields)

    def __init__(self, targets: int | None = None):
        """Args: targets: tokens of a sequence that are predicted; None where all are."""
        self._targets = targets

    def with_targets(self, length: int) -> Self:
        return type(self)(length or None)

    def build(self, config: EncoderConfig, vocab_size: int) -> Encoder:
        return Encoder(config, vocab_size)

    def flops_per_token(self, config: EncoderConfig, vocab_size: int, length: int) -> float:
        """The output layers read the predicted tokens alone."""
        mlp_matrices = 2 if config.layout == "bert" else 3
        block = config.hidden * (4 * config.hidden + mlp_matrices * config.mlp_width)
        asked = (self._targets or length) / length
        matrices = config.layers * block + asked * config.hidden * (config.hidden + vocab_size)
        return training_flops(matrices, config.layers * config.hidden, length)

    def activation_bytes(
        self, config: EncoderConfig, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int:
        return activations.bytes_per_token(config, length, numerics, recompute, masked)

    def loss_bytes(self, config: EncoderConfig, vocab_size: int, tokens: int, numerics: Numerics) -> int:
        return head_bytes(config.hidden, vocab_size, tokens, numerics)

    def check_segments(self, model: object) -> None:
        """Its `forward` reads them."""

    def names_in(self, config: EncoderConfig, auto_class: str) -> dict[str, str] | None:
        if config.layout == "modernbert":
            return None  # its classes have further layers on the body
        return {"score.": "classifier."} if auto_class == "AutoModelForTokenClassification" else {}

    def export(
        self, model: Encoder, weights: Path, folder: Path, vocab_size: int, ids: dict[str, int | None]
    ) -> ConfigFields:
        # Our parameters have the names and shapes of the Hugging Face classes: the weights are a copy, but for the
        # names of a head for labels.
        state = load_file(weights)
        named = {in_transformers(name, model.config.layout): tensor for name, tensor in state.items()}
        if not model.config.tie_embeddings and (bias := named.get("cls.predictions.bias")) is not None:
            # Which transformers reads under one name, or with a matrix of its own under the other.
            named["cls.predictions.decoder.bias"] = bias.clone()
        save_file(named, folder / weights.name, metadata={"format": "pt"})
        return to_hf_config(model.config, vocab_size, **ids)


FAMILY = EncoderFamily()
