"""The flat slices into which DeepSpeed's ZeRO cuts a parameter group, and the tensors in them."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch.distributed as dist
from torch import Tensor, nn

from pipeline.errors import UserError
from train.strategies.shares import Fragment, whole_shape


def map_whole(
    parameters: Sequence[nn.Parameter],
    slices: Sequence[Tensor],
    function: Callable[[Sequence[Tensor]], list[Tensor]],
) -> list[Tensor]:
    """This rank's slice of what a function makes of all the tensors that a group's one slice holds parts of.

    Raises:
        UserError: where the slices cannot be put together.
    """
    (own,) = slices
    partition = ZeroPartition(parameters, own.numel())
    return [partition.own(function(partition.gather(own)))]


class ZeroPartition:
    """Which elements of a group's parameters make up this rank's flat slice of `size` elements.

    Read off the marks that DeepSpeed leaves on the parameters, so that paddings and orders of its
    own do not matter here.

    Raises:
        UserError: where the parameters bear no such marks, or the slice holds part of them only.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], size: int):
        self._parameters = parameters
        self._shapes = [whole_shape(p) for p in parameters]
        self._size = size
        if all(hasattr(p, "_hp_mapping") for p in parameters):
            self._fragments = zero_1_and_2_fragments(parameters)
        elif all(hasattr(p, "ds_tensor") for p in parameters) and size == sum(map(_share, parameters)):
            self._fragments = zero_3_fragments(parameters)
        else:
            raise UserError(
                "optim.name=muon needs whole matrices, and this strategy gives the optimizer slices that cannot "
                "be put together again; use strategy=single, ddp, zero1, zero2 or zero3 (the last without "
                "sub_group_size), or optim.name=adamw"
            )

    def gather(self, own: Tensor) -> list[Tensor]:
        """All tensors whole, from every rank's slice [size]; a collective operation."""
        sizes = [shape.numel() for shape in self._shapes]
        # Every rank adds its fragments to zeros: one reduction, whatever the slices look like.
        whole = own.new_zeros(sum(sizes))
        part_of = dict(zip(self._parameters, whole.split(sizes), strict=True))
        for f in self._fragments:
            part_of[f.parameter][f.start : f.start + f.size] = own[f.offset : f.offset + f.size]
        dist.all_reduce(whole)
        return [part.view(shape) for part, shape in zip(part_of.values(), self._shapes, strict=True)]

    def own(self, tensors: Sequence[Tensor]) -> Tensor:
        """This rank's slice [size] of the tensors, with zeros in its padding."""
        found = tensors[0].new_zeros(self._size)
        tensor_of = dict(zip(self._parameters, tensors, strict=True))
        for f in self._fragments:
            flat = tensor_of[f.parameter].reshape(-1)
            found[f.offset : f.offset + f.size] = flat[f.start : f.start + f.size]
        return found


def zero_1_and_2_fragments(parameters: Sequence[nn.Parameter]) -> tuple[Fragment, ...]:
    """What this rank's slice of a group holds: parameters lie end to end and are cut into one slice per rank."""
    found: list[Fragment] = []
    for parameter in parameters:
        mapping = cast(Any, parameter)._hp_mapping  # None where no element is this rank's
        if mapping is not None:
            within, slice_ = mapping.lp_fragment_address, mapping.get_hp_fragment_address()
            found.append(Fragment(parameter, within.start, slice_.start, slice_.numel))
    return tuple(found)


def zero_3_fragments(parameters: Sequence[nn.Parameter]) -> tuple[Fragment, ...]:
    """What this rank's slice of a group holds: every parameter is cut into equal shares, which lie end to end."""
    found: list[Fragment] = []
    offset = 0
    for parameter in parameters:
        share, size = _share(parameter), whole_shape(parameter).numel()
        start = min(dist.get_rank() * share, size)
        found.append(Fragment(parameter, start, offset, min(share, size - start)))
        offset += share
    return tuple(found)


def _share(parameter: nn.Parameter) -> int:
    """Elements of each rank's equal share, the last one's padding included."""
    return cast(Any, parameter).ds_tensor.ds_numel
