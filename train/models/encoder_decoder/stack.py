"""Encoder and decoder: stacks of blocks, with the parameter names of `T5ForConditionalGeneration`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from train.models.encoder_decoder.attention import Attention, WritingState
from train.models.layers import Embedding, Linear, RMSNorm
from train.models.recomputation import recomputes


class Part(nn.Module):
    """What a block's parts have in common: a norm before, dropout behind, and the input added."""

    def __init__(self, config: EncoderDecoderConfig):
        super().__init__()
        self.layer_norm = RMSNorm(config.hidden, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)


class SelfAttention(Part):
    def __init__(self, config: EncoderDecoderConfig, index: int, writes: bool):
        super().__init__(config)
        self.index = index
        self.SelfAttention = Attention(config, biased=index == 0, both_sides=not writes)

    def forward(
        self, x: Tensor, bias: Tensor | None, seen: Tensor | None, state: WritingState | None
    ) -> tuple[Tensor, Tensor]:
        normed = self.layer_norm(x)
        key, value = self.SelfAttention.keys_and_values(normed)
        if state is not None:
            key, value = state.written.update(self.index, key, value)
        if bias is None:
            bias = self.SelfAttention.relative_attention_bias(x.size(1), key.size(1)).to(key.dtype)
            bias = bias if seen is None else bias.masked_fill(~seen, -torch.inf)
        return x + self.dropout(self.SelfAttention(normed, key, value, bias)), bias


class CrossAttention(Part):
    def __init__(self, config: EncoderDecoderConfig, index: int):
        super().__init__(config)
        self.index = index
        self.EncDecAttention = Attention(config)

    def forward(
        self, x: Tensor, source: Tensor | None, real: Tensor | None, state: WritingState | None
    ) -> Tensor:
        if state is not None:
            key, value = state.source[self.index]
        else:
            assert source is not None  # what is trained on is read whole
            key, value = self.EncDecAttention.keys_and_values(source)
        return x + self.dropout(self.EncDecAttention(self.layer_norm(x), key, value, real))


class MLP(nn.Module):
    """T5's of version 1.0, with ReLU."""

    def __init__(self, config: EncoderDecoderConfig):
        super().__init__()
        self.wi = Linear(config.hidden, config.mlp_width, config.hidden**-0.5)
        self.wo = Linear(config.mlp_width, config.hidden, config.mlp_width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(F.relu(self.wi(x)))


class GatedMLP(nn.Module):
    """T5's of version 1.1, with gated GELU (Shazeer, 2020)."""

    def __init__(self, config: EncoderDecoderConfig):
        super().__init__()
        self.wi_0 = Linear(config.hidden, config.mlp_width, config.hidden**-0.5)
        self.wi_1 = Linear(config.hidden, config.mlp_width, config.hidden**-0.5)
        self.wo = Linear(config.mlp_width, config.hidden, config.mlp_width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class FeedForward(Part):
    def __init__(self, config: EncoderDecoderConfig):
        super().__init__(config)
        self.DenseReluDense = GatedMLP(config) if config.gated else MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.DenseReluDense(self.layer_norm(x)))


class Block(nn.Module):
    """Attention to the own text, in the decoder also to the source, and an MLP."""

    def __init__(self, config: EncoderDecoderConfig, index: int, writes: bool):
        super().__init__()
        self.writes = writes
        # In the order in which ranks draw them that draw layer by layer.
        self.layer = nn.ModuleList([SelfAttention(config, index, writes)])
        if writes:
            self.layer.append(CrossAttention(config, index))
        self.layer.append(FeedForward(config))

    def forward(
        self,
        x: Tensor,
        bias: Tensor | None,
        seen: Tensor | None,
        source: Tensor | None,
        real: Tensor | None,
        state: WritingState | None,
    ) -> tuple[Tensor, Tensor]:
        """
        Args:
            x: the residual stream [B, T, hidden].
            bias: what is added to the scores, as the first block has given it; None for the first.
            seen: for the first block, what each token sees, bool [B or 1, 1, T or 1, S]; None where it is everything.
            source: what the encoder gives, [B, S, hidden]; for the decoder, without a state.
            real: which of it is no padding; see `real_tokens`.

        Returns the residual stream and the bias. The first block makes that, inside of its `forward`, because only
        there is its weight whole under FSDP and ZeRO-3.
        """
        x, bias = self.layer[0](x, bias, seen, state)
        if self.writes:
            x = self.layer[1](x, source, real, state)
        return self.layer[-1](x), bias


class Stack(nn.Module):
    """Token ids → normalized final hidden states."""

    recompute_every = 0
    """As `TrainableModel.gradient_checkpointing`, of its own blocks."""

    def __init__(self, config: EncoderDecoderConfig, embedding: Embedding, writes: bool):
        super().__init__()
        self.writes = writes
        self.embed_tokens = embedding
        depth = config.decoder_depth if writes else config.layers
        self.block = nn.ModuleList(Block(config, index, writes) for index in range(depth))
        self.final_layer_norm = RMSNorm(config.hidden, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        input_ids: Tensor,
        real: Tensor | None,
        source: Tensor | None = None,
        state: WritingState | None = None,
    ) -> Tensor:
        """
        Args:
            real: which tokens of the encoder's text are no padding, as of `real_tokens`; None where all are real.
            source, state: for the decoder one of them, as of `Block`.
        """
        x = self.dropout(self.embed_tokens(input_ids))
        seen = self._seen(input_ids, state) if self.writes else real
        bias: Tensor | None = None
        for index, block in enumerate(self.block):
            given = (x, bias, seen, source, real, state)
            if recomputes(index, self.recompute_every):
                x, bias = checkpoint(block, *given, use_reentrant=False)
            else:
                x, bias = block(*given)
        return self.dropout(self.final_layer_norm(x))

    def keys_and_values(self, source: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What each block of the decoder sees of what the encoder gives, once for all that is written."""
        crossings = [
            part for block in self.block for part in block.modules() if isinstance(part, CrossAttention)
        ]
        return [crossing.EncDecAttention.keys_and_values(source) for crossing in crossings]

    @staticmethod
    def _seen(input_ids: Tensor, state: WritingState | None) -> Tensor | None:
        """What tokens see of what is written: what is before them."""
        tokens = input_ids.size(1)
        seen = None if state is None else state.written.mask(tokens)
        if seen is None and tokens > 1:
            seen = torch.ones(tokens, tokens, dtype=torch.bool, device=input_ids.device).tril()[None, None]
        return seen
