"""The layout of BERT (Devlin et al., 2019), with the parameter names of `BertForMaskedLM`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.encoder import EncoderConfig
from train.models.encoder.attention import Seen, attend
from train.models.encoder.layers import OutputLayer
from train.models.layers import BiasedLinear, Embedding


class Embeddings(nn.Module):
    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.word_embeddings = Embedding(vocab_size, config.hidden, config.init_std)
        self.position_embeddings = Embedding(config.context, config.hidden, config.init_std)
        self.token_type_embeddings = Embedding(config.token_types, config.hidden, config.init_std)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor, positions: Tensor, token_types: Tensor) -> Tensor:
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_types)
        return self.dropout(self.LayerNorm(x + self.position_embeddings(positions)))


class SelfAttention(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.shape = (config.heads, config.head_width)
        self.query = BiasedLinear(config.hidden, config.hidden, config.init_std)
        self.key = BiasedLinear(config.hidden, config.hidden, config.init_std)
        self.value = BiasedLinear(config.hidden, config.hidden, config.init_std)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (part(x).unflatten(-1, self.shape) for part in (self.query, self.key, self.value))
        return attend(query, key, value, mask)


class Sum(nn.Module):
    """A linear map back to the residual stream, which is normalized after the sum."""

    def __init__(self, config: EncoderConfig, inputs: int):
        super().__init__()
        self.dense = BiasedLinear(inputs, config.hidden, config.init_std)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, update: Tensor) -> Tensor:
        return self.LayerNorm(x + self.dropout(self.dense(update)))


class Attention(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.self = SelfAttention(config)
        self.output = Sum(config, config.hidden)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return self.output(x, self.self(x, mask))


class Intermediate(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.dense = BiasedLinear(config.hidden, config.mlp_width, config.init_std)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class Block(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Sum(config, config.mlp_width)

    def forward(self, x: Tensor, seen: Seen) -> Tensor:
        x = self.attention(x, seen.everywhere)
        return self.output(x, self.intermediate(x))


class Layers(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.layer = nn.ModuleList(Block(config) for _ in range(config.layers))


class Pooler(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.dense = BiasedLinear(config.hidden, config.hidden, config.init_std)

    def forward(self, x: Tensor) -> Tensor:
        """The vector [B, H] of texts [B, T, H], made of their first tokens' states."""
        return torch.tanh(self.dense(x[:, 0]))


class BertBody(nn.Module):
    """Token ids → final hidden states; `bert.*` of the Hugging Face classes."""

    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.embeddings = Embeddings(config, vocab_size)
        self.encoder = Layers(config)
        if config.pair_head:
            self.pooler = Pooler(config)

    @property
    def embedding(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    @property
    def blocks(self) -> nn.ModuleList:
        return self.encoder.layer

    def embed(
        self, input_ids: Tensor, positions: Tensor, token_types: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The residual stream's start, and what every block is given besides."""
        types = torch.zeros_like(input_ids) if token_types is None else token_types
        return self.embeddings(input_ids, positions, types), ()

    def normalize(self, x: Tensor) -> Tensor:
        return x  # its blocks end with a norm


class Transform(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.dense = BiasedLinear(config.hidden, config.hidden, config.init_std)
        self.LayerNorm = nn.LayerNorm(config.hidden, eps=config.epsilon)

    def forward(self, x: Tensor) -> Tensor:
        return self.LayerNorm(F.gelu(self.dense(x)))


class Predictions(nn.Module):
    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(vocab_size))
        self.transform = Transform(config)
        self.decoder = OutputLayer(config.hidden, vocab_size, config.init_std)
        self.reset_parameters()
        # Under both names, as in the class of transformers, whose files have this one.
        self.decoder.bias = self.bias

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.bias)


class PredictionHead(nn.Module):
    """`cls.*` of `BertForMaskedLM`, or with a head for pairs of `BertForPreTraining`."""

    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.predictions = Predictions(config, vocab_size)
        if config.pair_head:
            self.seq_relationship = BiasedLinear(config.hidden, 2, config.init_std)
