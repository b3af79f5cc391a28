"""How large a model is that a section describes, without building its weights."""

from dataclasses import dataclass
from functools import cache

import torch
from pydantic import TypeAdapter
from torch import nn

from pipeline.config.models import ModelConfig
from train.models.family import build_model, count_parameters, family
from train.models.interface import TrainableModel


@dataclass(frozen=True)
class ModelSizes:
    """Numbers of elements."""

    parameters: int
    """Shared ones counted once."""
    largest: int
    """Of one parameter."""
    block: int
    """Of one of the repeated blocks; 0 where there are none."""
    outside: int
    """Of all that is in no block."""
    matrices: int
    """Of what linear layers multiply with in the type that training computes in."""
    trained: int
    """Of what has gradients."""
    quantized: int = 0
    """Of what is held in 4 bits."""


def build_on_meta(config: ModelConfig, vocab_size: int) -> TrainableModel:
    """The model without memory for its weights: on torch's meta device."""
    with torch.device("meta"):
        return build_model(family(config).without_weights(config, vocab_size), vocab_size)


def model_sizes(config: ModelConfig, vocab_size: int) -> ModelSizes:
    """Of the model that a section describes."""
    return sizes_of(meta_model(config.model_dump_json(), vocab_size))


@cache
def meta_model(model_json: str, vocab_size: int) -> TrainableModel:
    """The model of `build_on_meta`, shared: who asks it something leaves it as it is."""
    return build_on_meta(TypeAdapter(ModelConfig).validate_json(model_json), vocab_size)


def sizes_of(model: TrainableModel) -> ModelSizes:
    """Of a model, which may be on the meta device."""
    parameters = count_parameters(model)
    blocks = [sum(p.numel() for p in block.parameters()) for block in model.blocks]
    embeddings = {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    heads = {m.weight for m in model.modules() if isinstance(m, nn.Linear)}
    return ModelSizes(
        parameters,
        max(p.numel() for p in model.parameters()),
        max(blocks, default=0),
        parameters - sum(blocks),
        sum(p.numel() for p in model.parameters() if p.ndim >= 2 and (p not in embeddings or p in heads)),
        count_parameters(model, trainable_only=True),
    )
