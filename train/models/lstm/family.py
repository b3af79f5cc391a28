"""What the program asks of the recurrent models. They have no class in `transformers`."""

from pipeline.config.models.lstm import LSTMConfig
from train.models.family import ModelFamily
from train.models.flops import training_flops
from train.models.lm_head import head_bytes
from train.models.lstm.attention import QUERIES
from train.models.lstm.model import LSTM
from train.models.numerics import Numerics


class LSTMFamily(ModelFamily):
    draws_by_layer = True

    def build(self, config: LSTMConfig, vocab_size: int) -> LSTM:
        return LSTM(config, vocab_size)

    def flops_per_token(self, config: LSTMConfig, vocab_size: int, length: int) -> float:
        # Of LSTM four gates, each of the input and of the previous output.
        gates = 4 if config.cell == "lstm" else 3
        inputs = [config.embedding] + [config.hidden] * (config.layers - 1)
        matrices = sum(gates * config.hidden * (size + config.hidden) for size in inputs)
        matrices += config.hidden * config.embedding + config.embedding * vocab_size
        width = config.attention or 0
        if width:
            matrices += 2 * config.hidden * width + 2 * config.hidden**2
        # A score and a share of the context for each token of the sequence, one product each, where a transformer has
        # two of the same size.
        looking = 6.0 * (width + config.hidden) * length if width else 0.0
        return training_flops(matrices, 0, length) + looking

    def activation_bytes(
        self, config: LSTMConfig, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int:
        # Four gates, cell, its tanh and the output, per layer; then dropout's result and the projection's.
        per_token = numerics.compute * (7 * config.hidden * config.layers + 2 * config.hidden)
        if config.attention is not None:
            # Queries and keys, context, output and both side by side; scores of some queries at a time are made again.
            per_token += numerics.compute * (2 * config.attention + 4 * config.hidden)
            per_token += 3 * numerics.compute * QUERIES * config.attention
        return per_token + numerics.compute * 3 * config.embedding

    def loss_bytes(self, config: LSTMConfig, vocab_size: int, tokens: int, numerics: Numerics) -> int:
        return head_bytes(config.embedding, vocab_size, tokens, numerics)

    def check_segments(self, model: object) -> None:
        """Its `forward` reads them."""


FAMILY = LSTMFamily()
