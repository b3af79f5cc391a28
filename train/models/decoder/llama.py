"""The Llama and Qwen3 layouts, with the parameter names of `LlamaForCausalLM` and `Qwen3ForCausalLM`.

Llama: Touvron et al. (2023): RMSNorm (Zhang and Sennrich, 2019), RoPE (Su et al., 2021), SwiGLU
(Shazeer, 2020), grouped-query attention (Ainslie et al., 2023). Qwen3 (Yang et al., 2025) adds a norm
of each head's queries and keys.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.decoder import DecoderConfig
from train.models.decoder.attention import attend
from train.models.decoder.cache import KVCache
from train.models.decoder.mixture import Mixture
from train.models.decoder.nearby import attend_nearby
from train.models.fixed_linear import FixedLinear
from train.models.layers import Embedding, Linear, RMSNorm, Rotary, rotate


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
        self.qkv_proj: FixedLinear | None = None
        """In place of those of queries, keys and values, once `fix` was called."""

    def fix(self) -> None:
        """For a model that only writes from now on: one product in place of three."""
        self.qkv_proj = FixedLinear([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        del self.q_proj, self.k_proj, self.v_proj
        self.register_module("o_proj", FixedLinear([self.o_proj.weight]))

    def forward(
        self, x: Tensor, mask: Tensor | None, cache: KVCache | None, cos: Tensor, sin: Tensor
    ) -> Tensor:
        if self.qkv_proj is None:
            query = self.q_proj(x).unflatten(-1, (self.heads, self.head_size))
            key = self.k_proj(x).unflatten(-1, (self.kv_heads, self.head_size))
            value = self.v_proj(x).unflatten(-1, (self.kv_heads, self.head_size))
        else:
            heads = self.qkv_proj(x).unflatten(-1, (-1, self.head_size))
            query, key, value = heads.split((self.heads, self.kv_heads, self.kv_heads), -2)
        query, key = rotate(self.q_norm(query), cos, sin), rotate(self.k_norm(key), cos, sin)
        if cache is not None:
            mixed = cache.attend(self.layer, query, key, value, mask, self.window)
        elif self.window is None:
            mixed = attend(query, key, value, mask)
        else:
            mixed = attend_nearby(query, key, value, mask, self.window)
        return self.o_proj(mixed)


class MLP(nn.Module):
    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.gate_proj = Linear(config.hidden, config.mlp_width, config.init_std)
        self.up_proj = Linear(config.hidden, config.mlp_width, config.init_std)
        self.down_proj = Linear(config.mlp_width, config.hidden, config.residual_std)
        self.gate_up_proj: FixedLinear | None = None

    def fix(self) -> None:
        """As in `Attention`, of gate and up."""
        self.gate_up_proj = FixedLinear([self.gate_proj.weight, self.up_proj.weight])
        del self.gate_proj, self.up_proj
        self.register_module("down_proj", FixedLinear([self.down_proj.weight]))

    def forward(self, x: Tensor) -> Tensor:
        if self.gate_up_proj is not None:
            gate, up = self.gate_up_proj(x).chunk(2, -1)
            return self.down_proj(F.silu(gate).mul_(up))
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

    def fix(self) -> None:
        """As in `GPT2Body`."""
        for block in self.layers:
            assert isinstance(block, Block)
            block.self_attn.fix()
            block.mlp.fix()

    def normalize(self, x: Tensor) -> Tensor:
        return self.norm(x)
