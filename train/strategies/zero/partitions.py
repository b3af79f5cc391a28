"""The flat slices into which DeepSpeed's ZeRO cuts a parameter group, and the tensors in them."""

from collections.abc import Sequence
from typing import Any, cast

import torch.distributed as dist
from torch import Tensor, nn

from pipeline.errors import UserError
from train.strategies.shared_work import Exchange, Function, Piece
from train.strategies.shares import Fragment, whole_shape


class WholeTensors:
    """Work on the whole tensors of an optimizer's groups, of each of which a rank holds one flat slice."""

    def __init__(self) -> None:
        self._exchanges: dict[int, Exchange] = {}
        """By a group's first parameter."""

    def map_whole(
        self, parameters: Sequence[nn.Parameter], slices: Sequence[Tensor], function: Function
    ) -> list[Tensor]:
        """This rank's slice of what a function makes of all the tensors that a group's one slice holds parts of.

        Raises:
            UserError: where the slices cannot be put together.
        """
        (own,) = slices
        key = id(parameters[0])
        if key not in self._exchanges:
            self._exchanges[key] = _exchange(parameters, own.numel())
        return [self._exchanges[key].map_whole(own, function)]


def _exchange(parameters: Sequence[nn.Parameter], size: int) -> Exchange:
    """Between all ranks, of slices of `size` elements; all ranks ask together.

    What a slice holds is read off the marks that DeepSpeed leaves on the parameters, so that paddings and orders of its
    own do not matter here.

    Raises:
        UserError: where the parameters bear no such marks, or the slice holds part of them only.
    """
    if all(hasattr(p, "_hp_mapping") for p in parameters):
        fragments = zero_1_and_2_fragments(parameters)
    elif all(hasattr(p, "ds_tensor") for p in parameters) and size == sum(map(_share, parameters)):
        fragments = zero_3_fragments(parameters)
    else:
        raise UserError(
            "optim.name=muon needs whole matrices, and this strategy gives the optimizer slices that cannot "
            "be put together again; use strategy=single, ddp, zero1, zero2 or zero3 (the last without "
            "sub_group_size), or optim.name=adamw"
        )
    index = {id(parameter): index for index, parameter in enumerate(parameters)}
    held = [Piece(index[id(f.parameter)], f.start, f.size, f.offset) for f in fragments]
    pieces: list[list[Piece]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(pieces, held)
    return Exchange([whole_shape(p) for p in parameters], pieces)


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
