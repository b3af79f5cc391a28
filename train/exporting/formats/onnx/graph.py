"""A decoder with its cache as a function of tensors, which is what a graph is made of.

Names and shapes are those that optimum gives its exports, which transformers.js reads: `input_ids` and `position_ids`
[batch, tokens], `attention_mask` [batch, past + tokens], for each layer `past_key_values.N.key` and `.value`
[batch, key-value heads, past, head size]; out come `logits` and, as long as what was read so far, `present.N.key` and
`.value`.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from pipeline.config.models.decoder import DecoderConfig

GIVEN = ("input_ids", "attention_mask", "position_ids")
HALVES = ("key", "value")


class CachedStep(nn.Module):
    """A model of transformers that takes and gives its cache as tensors."""

    def __init__(self, model: Any, layers: int):
        super().__init__()
        self.model, self.layers = model, layers

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        cache = DynamicCache(config=self.model.config)
        for layer in range(self.layers):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        given = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        kept = [half for layer in given.past_key_values.layers for half in (layer.keys, layer.values)]
        return given.logits, *kept


def past_names(layers: int) -> list[str]:
    return [f"past_key_values.{layer}.{half}" for layer in range(layers) for half in HALVES]


def present_names(layers: int) -> list[str]:
    return [f"present.{layer}.{half}" for layer in range(layers) for half in HALVES]


def example(config: DecoderConfig) -> tuple[Tensor, ...]:
    """Arguments to follow the model with; no two sizes are equal, so that none is taken for another."""
    batch, tokens, past = 2, 5, 3
    positions = torch.arange(past, past + tokens).repeat(batch, 1)
    cache = [
        torch.zeros(batch, config.key_value_heads, past, config.head_width) for _ in range(2 * config.layers)
    ]
    mask = torch.ones(batch, past + tokens, dtype=torch.long)
    return torch.zeros(batch, tokens, dtype=torch.long), mask, positions, *cache


def dynamic_sizes(layers: int) -> tuple[Any, ...]:
    """Which sizes of the arguments are free, by name."""
    row = {0: "batch", 1: "tokens"}
    past = tuple({0: "batch", 2: "past"} for _ in range(2 * layers))
    return row, {0: "batch", 1: "past_and_tokens"}, row, past
