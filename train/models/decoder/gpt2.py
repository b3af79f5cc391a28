"""The GPT-2 layout (Radford et al., 2019), with the parameter names of `GPT2LMHeadModel`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models.decoder import DecoderConfig
from train.models.decoder.attention import attend
from train.models.decoder.cache import KVCache
from train.models.fixed_linear import FixedLinear
from train.models.layers import Conv1D, Embedding


class Attention(nn.Module):
    def __init__(self, config: DecoderConfig, layer: int):
        super().__init__()
        self.layer, self.heads = layer, config.heads
        self.c_attn = Conv1D(config.hidden, 3 * config.hidden, config.init_std)
        self.c_proj = Conv1D(config.hidden, config.hidden, config.residual_std)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KVCache | None) -> Tensor:
        query, key, value = self.c_attn(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        if cache is None:
            return self.c_proj(attend(query, key, value, mask))
        return self.c_proj(cache.attend(self.layer, query, key, value, mask, None))


class MLP(nn.Module):
    def __init__(self, config: DecoderConfig):
        super().__init__()
        self.c_fc = Conv1D(config.hidden, config.mlp_width, config.init_std)
        self.c_proj = Conv1D(config.mlp_width, config.hidden, config.residual_std)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: DecoderConfig, layer: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.hidden, eps=config.norm_eps)
        self.attn = Attention(config, layer)
        self.ln_2 = nn.LayerNorm(config.hidden, eps=config.norm_eps)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None, cache: KVCache | None) -> Tensor:
        x = x + self.dropout(self.attn(self.ln_1(x), mask, cache))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT2Body(nn.Module):
    """Token ids → normalized final hidden states; `transformer.*` of the Hugging Face class."""

    def __init__(self, config: DecoderConfig, vocab_size: int):
        super().__init__()
        self.wte = Embedding(vocab_size, config.hidden, config.init_std)
        self.wpe = Embedding(config.context, config.hidden, config.init_std)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.ln_f = nn.LayerNorm(config.hidden, eps=config.norm_eps)

    @property
    def embedding(self) -> nn.Embedding:
        return self.wte

    @property
    def blocks(self) -> nn.ModuleList:
        return self.h

    def embed(self, input_ids: Tensor, positions: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The residual stream's start, and what every block is given besides."""
        if positions is None:
            positions = torch.arange(input_ids.size(1), device=input_ids.device)
        return self.drop(self.wte(input_ids) + self.wpe(positions)), ()

    def fix(self) -> None:
        """Let every block read its matrices as they are laid out for a model that only writes from now on."""
        for block in self.h:
            assert isinstance(block, Block)
            for part in (block.attn, block.mlp):
                for name, linear in list(part.named_children()):
                    assert isinstance(linear, Conv1D)
                    part.register_module(name, FixedLinear([linear.weight.t()], linear.bias))

    def normalize(self, x: Tensor) -> Tensor:
        return self.ln_f(x)
