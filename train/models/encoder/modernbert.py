"""The layout of ModernBERT (Warner et al., 2024), with the parameter names of `ModernBertForMaskedLM`."""

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.encoder import EncoderConfig
from train.models.encoder.attention import Seen, attend
from train.models.layers import Embedding, Linear, Rotary, rotate


def norm(config: EncoderConfig) -> nn.LayerNorm:
    """A norm without a bias."""
    return nn.LayerNorm(config.hidden, eps=config.epsilon, bias=False)


class Embeddings(nn.Module):
    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.tok_embeddings = Embedding(vocab_size, config.hidden, config.init_std)
        self.norm = norm(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.dropout(self.norm(self.tok_embeddings(input_ids)))


class Attention(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.shape = (3, config.heads, config.head_width)
        self.Wqkv = Linear(config.hidden, 3 * config.hidden, config.init_std)
        self.Wo = Linear(config.hidden, config.hidden, config.residual_std)

    def forward(self, x: Tensor, mask: Tensor | None, cos: Tensor, sin: Tensor) -> Tensor:
        query, key, value = self.Wqkv(x).unflatten(-1, self.shape).unbind(2)
        return self.Wo(attend(rotate(query, cos, sin), rotate(key, cos, sin), value, mask))


class MLP(nn.Module):
    """A gated linear unit with GELU (Shazeer, 2020)."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.Wi = Linear(config.hidden, 2 * config.mlp_width, config.init_std)
        self.Wo = Linear(config.mlp_width, config.hidden, config.residual_std)

    def forward(self, x: Tensor) -> Tensor:
        inputs, gate = self.Wi(x).chunk(2, -1)
        return self.Wo(F.gelu(inputs) * gate)


class Block(nn.Module):
    def __init__(self, config: EncoderConfig, layer: int):
        super().__init__()
        self.is_local = config.is_local(layer)
        # The embeddings, which the first block reads, are normalized already.
        self.attn_norm = norm(config) if layer else nn.Identity()
        self.attn = Attention(config)
        self.mlp_norm = norm(config)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, seen: Seen, cos: Tensor, sin: Tensor, local_cos: Tensor, local_sin: Tensor
    ) -> Tensor:
        if self.is_local:
            update = self.attn(self.attn_norm(x), seen.nearby, local_cos, local_sin)
        else:
            update = self.attn(self.attn_norm(x), seen.everywhere, cos, sin)
        x = x + self.dropout(update)
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class ModernBertBody(nn.Module):
    """Token ids → normalized final hidden states; `model.*` of the Hugging Face classes."""

    def __init__(self, config: EncoderConfig, vocab_size: int):
        super().__init__()
        self.embeddings = Embeddings(config, vocab_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.final_norm = norm(config)
        self.rotary = Rotary(config.head_width, config.context, config.rope_theta)
        self.local_rotary = Rotary(config.head_width, config.context, config.local_rope_theta)

    @property
    def embedding(self) -> nn.Embedding:
        return self.embeddings.tok_embeddings

    @property
    def blocks(self) -> nn.ModuleList:
        return self.layers

    def embed(
        self, input_ids: Tensor, positions: Tensor, token_types: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The residual stream's start, and what every block is given besides. There are no token types."""
        where = positions if positions.ndim > 1 else slice(input_ids.size(1))
        return self.embeddings(input_ids), (*self.rotary(where), *self.local_rotary(where))

    def normalize(self, x: Tensor) -> Tensor:
        return self.final_norm(x)


class PredictionHead(nn.Module):
    """`head.*` of `ModernBertForMaskedLM`."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.dense = Linear(config.hidden, config.hidden, config.residual_std)
        self.norm = norm(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(F.gelu(self.dense(x)))
