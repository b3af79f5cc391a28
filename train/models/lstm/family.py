"""What the program asks of the LSTM. It has no class in `transformers`."""

from pipeline.config.models.lstm import LSTMConfig
from train.models.family import ModelFamily
from train.models.flops import training_flops
from train.models.lm_head import head_bytes
from train.models.lstm.model import LSTM
from train.models.numerics import Numerics


class LSTMFamily(ModelFamily):
    draws_by_layer = True

    def build(self, config: LSTMConfig, vocab_size: int) -> LSTM:
        return LSTM(config, vocab_size)

    def flops_per_token(self, config: LSTMConfig, vocab_size: int, length: int) -> float:
        # Four gates, each of the input and of the previous output.
        inputs = [config.embedding] + [config.hidden] * (config.layers - 1)
        matrices = sum(4 * config.hidden * (size + config.hidden) for size in inputs)
        matrices += config.hidden * config.embedding + config.embedding * vocab_size
        return training_flops(matrices, 0, length)

    def activation_bytes(
        self, config: LSTMConfig, length: int, numerics: Numerics, recompute: bool, masked: bool
    ) -> int:
        # Four gates, cell, its tanh and the output, per layer; then dropout's result and the projection's.
        per_token = numerics.compute * (7 * config.hidden * config.layers + 2 * config.hidden)
        return per_token + numerics.compute * 3 * config.embedding

    def loss_bytes(self, config: LSTMConfig, vocab_size: int, tokens: int, numerics: Numerics) -> int:
        return head_bytes(config.embedding, vocab_size, tokens, numerics)

    def check_segments(self, model: object) -> None:
        """Its `forward` reads them."""


FAMILY = LSTMFamily()
