"""The Llama and Qwen3 layouts, with the parameter names of `LlamaForCausalLM` and `Qwen3ForCausalLM`.

Llama: Touvron et al. (2023): RMSNorm (Zhang and Sennrich, 2019), RoPE (Su et al., 2021), SwiGLU
(Shazeer, 2020), grouped-query attention (Ainslie et al., 2023). Qwen3 (Yang et al., 2025) adds a norm
of each head's queries and keys.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.decoder import DecoderConfig
from train.models.decoder.attention import attend
from train.models.decoder.cache import KVCache
from train.models.decoder.mixture import Mixture
from train.models.decoder.nearby import attend_nearby
from train.models.layers import (
    Embedding,
    Linear,
    RMSNorm,
    Rotary,
    lay_out_for_generation,
    project,
    rotate,
)


def join(maps: Sequence[Linear]) -> Tensor:
    """One weight [sum of out, in] of linear maps with the same input; theirs become views of it."""
    outputs = [one.out_features for one in maps]
    storage = maps[0].weight.new_empty(maps[0].in_features, sum(outputs), requires_grad=False)
    for one, part in zip(maps, storage.split(outputs, 1), strict=True):
        lay_out_for_generation(one.weight, part)
    return storage.t()


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig, layer: int):
        super().__init__()
        self.layer = layer
        self.heads, self.kv_heads, self.head_size = config.heads, config.key_value_heads, config.head_width
        self.window = config.windows[layer]
        query, shared = self.heads * self.head_size, self.kv_heads * self.head_size
        self.q_proj = Linear(config.hidden, query, config.init_std)
        self.k_proj = Linear(config.hidden, shared, config.init_std)
        self.v_proj = Linear(config.hidden, shared, config.init_std)
        self.o_proj = Linear(query, config.hidden, config.residual_std)
        qk_norm = config.layout == "qwen3"
        self.q_norm = RMSNorm(self.head_size, config.norm_eps) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(self.head_size, config.norm_eps) if qk_norm else nn.Identity()
        self.joined: Tensor | None = None
        """The weights of queries, keys and values as one [out, in], in the same memory, once `join` was called."""

    def join(self) -> None:
        """For a model that only writes from now on: one product in place of three."""
        self.joined = join([self.q_proj, self.k_proj, self.v_proj])

    def forward(
        self, x: Tensor, mask: Tensor | None, cache: KVCache | None, cos: Tensor, sin: Tensor
    ) -> Tensor:
        if self.joined is None:
            query = self.q_proj(x).unflatten(-1, (self.heads, self.head_size))
            key = self.k_proj(x).unflatten(-1, (self.kv_heads, self.head_size))
            value = self.v_proj(x).unflatten(-1, (self.kv_heads, self.head_size))
        else:
            heads = project(x, self.joined).unflatten(-1, (-1, self.head_size))
            query, key, value = heads.split((self.heads, self.kv_heads, self.kv_heads), -2)
        query, key = rotate(self.q_norm(query), cos, sin), rotate(self.k_norm(key), cos, sin)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
            mixed = attend(query, key, value, mask)
        elif self.window is None:
            mixed = attend(query, key, value, mask)
        else:
            mixed = attend_nearby(query, key, value, mask, self.window)
        return self.o_proj(mixed) if self.joined is None else project(mixed, self.o_proj.weight)


class MLP(nn.Module):
    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.gate_proj = Linear(config.hidden, config.mlp_width, config.init_std)
        self.up_proj = Linear(config.hidden, config.mlp_width, config.init_std)
        self.down_proj = Linear(config.mlp_width, config.hidden, config.residual_std)
        self.joined: Tensor | None = None

    def join(self) -> None:
        """As in `Attention`, of gate and up."""
        self.joined = join([self.gate_proj, self.up_proj])

    def forward(self, x: Tensor) -> Tensor:
        if self.joined is not None:
            gate, up = project(x, self.joined).chunk(2, -1)
            return project(F.silu(gate).mul_(up), self.down_proj.weight)
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: DecoderConfig, layer: int):
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden, config.norm_eps)
        self.mlp = MLP(config) if config.experts is None else Mixture(config, config.experts)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        cache: KVCache | None,
        cos: Tensor,
        sin: Tensor,
        counted: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The next residual stream; of a mixture also what its router did with the tokens that are `counted`."""
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), mask, cache, cos, sin))
        read = self.post_attention_layernorm(x)
        if isinstance(self.mlp, MLP):
            return x + self.dropout(self.mlp(read))
        mixed, sums = self.mlp(read, counted)
        return x + self.dropout(mixed), sums


class LlamaBody(nn.Module):
    """Token ids → normalized final hidden states; `model.*` of the Hugging Face classes."""

    def __init__(self, config: DecoderConfig, vocab_size: int):
        super().__init__()
        self.embed_tokens = Embedding(vocab_size, config.hidden, config.init_std)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = RMSNorm(config.hidden, config.norm_eps)
        self.rotary = Rotary(config.head_width, config.context, config.rope_theta, config.rope_scaling)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def embedding(self) -> nn.Embedding:
        return self.embed_tokens

    @property
    def blocks(self) -> nn.ModuleList:
        return self.layers

    def embed(self, input_ids: Tensor, positions: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The residual stream's start, and what every block is given besides."""
        where = slice(input_ids.size(1)) if positions is None else positions
        return self.dropout(self.embed_tokens(input_ids)), self.rotary(where)

    def join(self) -> None:
        """Let every block read what has the same input by one matrix."""
        for block in self.layers:
            assert isinstance(block, Block)
            block.self_attn.join()
            block.mlp.join()

    def normalize(self, x: Tensor) -> Tensor:
        return self.norm(x)
