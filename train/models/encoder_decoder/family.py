"""What the program asks of our encoder–decoder."""

import shutil
from pathlib import Path
from typing import Self

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from train.models.encoder_decoder.activations import bytes_per_source_token
from train.models.encoder_decoder.hf_config import from_hf_config, to_hf_config
from train.models.encoder_decoder.model import EncoderDecoder
from train.models.family import ConfigFields, ModelFamily
from train.models.lm_head import head_bytes
from train.models.numerics import Numerics


class EncoderDecoderFamily(ModelFamily):
    model_types = ("t5",)
    can_recompute = True
    can_recompute_some = True
    draws_by_layer = True

    def from_hf_config(self, fields: ConfigFields) -> EncoderDecoderConfig:
        return from_hf_config(fields)

    def build(self, config: EncoderDecoderConfig, vocab_size: int) -> EncoderDecoder:
        return EncoderDecoder(config, vocab_size)

    def __init__(self, targets: int | None = None):
        """Args: targets: tokens that are written for each source; None where they are as long as the sources."""
        self._targets = targets

    def with_targets(self, length: int) -> Self:
        return type(self)(length or None)

    def flops_per_token(self, config: EncoderDecoderConfig, vocab_size: int, length: int) -> float:
        """Per token of the source, the decoder's work for its target included."""
        targets, inner = self._targets or length, config.heads * config.head_width
        projection = config.hidden * inner
        mlp = config.hidden * config.mlp_width * (3 if config.gated else 2)
        encoder = config.layers * (4 * projection + mlp)
        # Keys and values of the source are made once for each of its tokens.
        encoder += config.decoder_depth * 2 * projection
        decoder = config.decoder_depth * (6 * projection + mlp) + config.hidden * vocab_size
        pairs = config.layers * length**2 + config.decoder_depth * targets * (targets + length)
        return 6.0 * (encoder + decoder * targets / length) + 12.0 * inner * pairs / length

    def activation_bytes(
        self, config: EncoderDecoderConfig, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int:
        return bytes_per_source_token(config, length, self._targets or length, numerics, recompute)

    def loss_bytes(
        self, config: EncoderDecoderConfig, vocab_size: int, tokens: int, numerics: Numerics
    ) -> int:
        """Of sources of so many tokens, with targets that are no longer."""
        return head_bytes(config.hidden, vocab_size, tokens, numerics)

    def export(
        self, model: EncoderDecoder, weights: Path, folder: Path, vocab_size: int, ids: dict[str, int | None]
    ) -> ConfigFields:
        # Our parameters have the names and shapes of the class: the weights are a copy.
        shutil.copyfile(weights, folder / weights.name)
        return to_hf_config(model.config, vocab_size, **ids)


FAMILY = EncoderDecoderFamily()
