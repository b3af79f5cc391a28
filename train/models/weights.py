"""The weights that a model starts from, one layer at a time, so that no process needs to hold all of them."""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from pipeline.config.models import ModelConfig
from train.models.family import family
from train.models.interface import TrainableModel

Weights = Iterable[tuple[str, Tensor]]
"""A model's parameters with their names, in the order of `named_parameters`: whole, in fp32 on the CPU. Whoever takes a
tensor may keep it."""


def draws_by_layer(config: ModelConfig, ranks: int) -> bool:
    """Whether ranks build the model of a `model` section without memory, and give it its weights layer by layer."""
    return ranks > 1 and family(config).draws_by_layer


class _Layer(Protocol):
    def reset_parameters(self) -> None: ...


class FreshWeights:
    """What a model would have been built with that was built on torch's meta device, without memory for its weights.

    That is what each layer's `reset_parameters` draws, one layer after the other: for families that say
    `draws_by_layer`. Numbers come from torch's global generator as it is now, and its state is left as it is.
    """

    def __init__(self, model: nn.Module):
        self._random = torch.get_rng_state()
        names = {parameter: name for name, parameter in model.named_parameters()}
        # Of tied weights the first name counts; a layer that shares another's draws in vain, as in its constructor.
        self._layers: list[tuple[nn.Module, dict[str, str]]] = []
        for layer in model.modules():
            if own := dict(layer.named_parameters(recurse=False)):
                named = {attribute: names.pop(p) for attribute, p in own.items() if p in names}
                self._layers.append((_twin(layer, own), named))

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        state = self._random
        for layer, names in self._layers:
            own = {
                attribute: nn.Parameter(torch.empty_like(p, device="cpu"))
                for attribute, p in layer.named_parameters(recurse=False)
            }
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(state)
                cast(_Layer, _twin(layer, own)).reset_parameters()
                state = torch.get_rng_state()
            for attribute, name in names.items():
                yield name, own.pop(attribute).detach()


def unset_weights(model: nn.Module) -> Weights:
    """Memory for the weights of a model on the meta device, whatever is in it: for a training that goes on from a
    checkpoint, which is read into it. To draw numbers for a large model takes minutes."""
    parameters = list(model.named_parameters())  # now: who takes the weights puts others in their place
    return ((name, torch.empty_like(p, device="cpu")) for name, p in parameters)


def materialize(
    model: TrainableModel,
    weights: Weights,
    device: torch.device,
    complete: Callable[[nn.Module], object] = lambda block: None,
) -> None:
    """Give a model on the meta device its weights, on another device.

    Args:
        complete: called with each of the model's blocks as soon as it has all of its own. What the blocks do not hold
            has memory when this returns.
    """
    for layer in model.modules():
        if any(buffer is not None for buffer in layer._buffers.values()):
            layer.to_empty(
                device=device, recurse=False
            )  # tables, which the layer fills itself when it is moved
    owners: dict[nn.Parameter, list[tuple[nn.Module, str]]] = {}
    for layer in model.modules():
        for attribute, parameter in layer.named_parameters(recurse=False):
            owners.setdefault(parameter, []).append((layer, attribute))
    missing = {id(p): block for block in model.blocks for p in block.parameters()}
    left = {id(block): sum(1 for _ in block.parameters()) for block in model.blocks}
    parameters = dict(model.named_parameters())
    for name, values in weights:
        empty = parameters.pop(name)
        filled = nn.Parameter(values.to(device), empty.requires_grad)
        for layer, attribute in owners.pop(empty):
            setattr(layer, attribute, filled)
        del values, filled
        if (block := missing.get(id(empty))) is not None:
            left[id(block)] -= 1
            if not left[id(block)]:
                complete(block)


def _twin(layer: nn.Module, parameters: dict[str, nn.Parameter]) -> nn.Module:
    """The layer with other parameters in place of its own."""
    twin = copy.copy(layer)
    twin._parameters = {
        **dict.fromkeys(layer._parameters),
        **parameters,
    }  # a norm asks for a bias that it has not
    return twin
