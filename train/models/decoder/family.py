"""What the program asks of our decoder."""

import shutil
from pathlib import Path

from pipeline.config.models.decoder import DecoderConfig
from train.models.decoder import activations
from train.models.decoder.hf_config import ARCHITECTURES, from_hf_config, to_hf_config
from train.models.decoder.model import Decoder
from train.models.family import ConfigFields, ModelFamily
from train.models.flops import training_flops
from train.models.lm_head import head_bytes
from train.models.numerics import Numerics


class DecoderFamily(ModelFamily):
    can_recompute = True
    can_recompute_some = True
    draws_by_layer = True
    model_types = tuple(ARCHITECTURES)

    def from_hf_config(self, fields: ConfigFields) -> DecoderConfig:
        return from_hf_config(fields)

    def build(self, config: DecoderConfig, vocab_size: int) -> Decoder:
        return Decoder(config, vocab_size)

    def flops_per_token(self, config: DecoderConfig, vocab_size: int, length: int) -> float:
        query = config.heads * config.head_width
        shared = config.key_value_heads * config.head_width
        mlp = (2 if config.layout == "gpt2" else 3) * config.mlp_width
        if config.experts is not None:  # those that a token passes, and the router
            mlp = 3 * config.experts_per_token * config.expert_width + config.experts
        block = config.hidden * (2 * query + 2 * shared + mlp)
        matrices = config.layers * block + config.hidden * vocab_size
        seen = [length if window is None else min(2 * window, length) for window in config.windows]
        return training_flops(matrices, query, sum(seen))

    def activation_bytes(
        self, config: DecoderConfig, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int:
        return activations.bytes_per_token(config, length, numerics, recompute, masked)

    def loss_bytes(self, config: DecoderConfig, vocab_size: int, tokens: int, numerics: Numerics) -> int:
        return head_bytes(config.hidden, vocab_size, tokens, numerics)

    def check_segments(self, model: object) -> None:
        """Its `forward` reads them."""

    def names_in(self, config: DecoderConfig, auto_class: str) -> dict[str, str]:
        if config.layout == "gpt2":
            return {"score.": "classifier."} if auto_class == "AutoModelForTokenClassification" else {}
        # There the body is called so for the sake of old checkpoints.
        return {"model.": "transformer."} if auto_class == "AutoModelForQuestionAnswering" else {}

    def config_fields(self, config: DecoderConfig, vocab_size: int) -> ConfigFields:
        return to_hf_config(config, vocab_size)

    def export(
        self, model: Decoder, weights: Path, folder: Path, vocab_size: int, ids: dict[str, int | None]
    ) -> ConfigFields:
        # Our parameters have the names and shapes of the Hugging Face classes: the weights are a copy.
        shutil.copyfile(weights, folder / weights.name)
        return to_hf_config(model.config, vocab_size, **ids)


FAMILY = DecoderFamily()
