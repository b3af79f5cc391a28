"""Weights in safetensors files, of which one at a time is in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from train.checkpoints.final_model import check_fit


class FileWeights:
    """A model's weights from files whose tensors bear its parameters' names.

    Raises:
        UserError: where names or shapes do not fit.
    """

    def __init__(self, model: nn.Module, files: Sequence[Path], source: str):
        shapes: dict[str, torch.Size] = {}
        places: dict[str, Path] = {}
        for path in files:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118 (it is no dict)
                    shapes[name] = torch.Size(file.get_slice(name).get_shape())
                    places[name] = path
        check_fit(model, shapes, source)
        first_names = {parameter: name for name, parameter in model.named_parameters()}
        stored = {
            first_names[parameter]: (name, places[name])
            for name, parameter in model.named_parameters(remove_duplicate=False)
            if name in places
        }
        self._stored = {name: stored[name] for name in first_names.values()}

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        for name, (stored, path) in self._stored.items():
            with safe_open(path, "pt") as file:  # opened anew, so that what was read leaves the memory
                values = torch.empty(file.get_slice(stored).get_shape())
                values.copy_(file.get_tensor(stored))
            yield name, values
