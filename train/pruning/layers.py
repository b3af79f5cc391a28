"""Pruning whole layers by block influence (Men et al., 2024, arXiv:2403.03853)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.config.models import ModelConfig
from pipeline.config.pruning.layers import Layers
from train.models import TrainableModel, build_model
from train.pruning.methods import Calibration, Pruned


def check(config: Layers, model: TrainableModel) -> None:
    """The configuration says it all: see `Layers.misfits` and `with_initial_weights`."""


def prune(config: Layers, model: TrainableModel, section: ModelConfig, calibration: Calibration) -> Pruned:
    blocks = list(model.blocks)
    influence = block_influence(model, calibration)
    # Of equal ones the later goes: the first layers matter most.
    dropped = sorted(sorted(range(len(blocks)), key=lambda layer: (influence[layer], -layer))[: config.drop])
    kept = [block for layer, block in enumerate(blocks) if layer not in dropped]
    smaller = build_model(section, model.vocab_size)
    of_blocks = {id(parameter) for block in blocks for parameter in block.parameters()}
    rest = {name: p for name, p in model.named_parameters() if id(p) not in of_blocks}
    smaller.load_state_dict(rest, strict=False)
    for mine, theirs in zip(smaller.blocks, kept, strict=True):
        mine.load_state_dict(theirs.state_dict())
    return Pruned(smaller, {"dropped_layers": dropped, "block_influence": influence})


def block_influence(model: TrainableModel, calibration: Calibration) -> list[float]:
    """Of each block 1 − cosine of what it reads and what it gives, the mean over all tokens of the calibration."""
    blocks = list(model.blocks)
    sums, counts = [0.0] * len(blocks), [0] * len(blocks)
    hooks = [block.register_forward_hook(_adder(sums, counts, layer)) for layer, block in enumerate(blocks)]
    try:
        calibration.read(model)
    finally:
        for hook in hooks:
            hook.remove()
    return [1 - total / max(count, 1) for total, count in zip(sums, counts, strict=True)]


def _adder(sums: list[float], counts: list[int], layer: int) -> Callable[[nn.Module, Any, Any], None]:
    def add(_: nn.Module, given: tuple[Tensor, ...], gives: Any) -> None:
        after = gives[0] if isinstance(gives, tuple) else gives
        cosines = F.cosine_similarity(given[0].float(), after.float(), dim=-1)
        sums[layer] += float(cosines.sum(dtype=torch.float64))
        counts[layer] += cosines.numel()

    return add
