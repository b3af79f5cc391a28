"""The training state as named pieces: the same names and values whatever the strategy and the number of ranks.

A piece is a run of consecutive elements of one flattened parameter, or of one of its optimizer states, in fp32.
Every strategy holds its share of the state as such pieces: all of it under `single` and `ddp`, rows under FSDP,
slices of flattened groups under ZeRO. A checkpoint is the pieces of all ranks; whoever loads it reads the elements
that its own pieces cover. So a run goes on under another strategy or on another number of ranks without a conversion.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DeepSpeedStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset
from torch.optim import Optimizer

from pipeline.errors import UserError
from train.optim import OptimizerModule
from train.strategies.zero_partitions import Fragment, zero_1_and_2_fragments, zero_3_fragments

WEIGHT = "weight"
STEP = "step"
"""The state in which optimizers count their steps."""


@dataclass(frozen=True)
class Piece:
    """What one rank holds of a parameter or of one of its optimizer states."""

    name: str
    """The parameter's, within the model."""
    kind: str
    """`weight`, or the optimizer's name of the state."""
    start: int
    """First element within the flattened whole."""
    tensor: Tensor
    """fp32 [elements]; a view: writing into it changes the training state."""


class TrainingState:
    """This rank's view of the state of a training run that Lightning has set up."""

    def __init__(self, model: nn.Module, strategy: pl.strategies.Strategy, optimizer: OptimizerModule):
        """
        Args:
            optimizer: the module that made the optimizer, and knows the names of its states.
        """
        self._strategy, self._module = strategy, optimizer
        if isinstance(model, FSDPModule):
            model.reshard()  # what is outside the blocks stays gathered after a validation
        self._names = {p: name for name, p in model.named_parameters() if p.requires_grad}

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer itself, from under what DeepSpeed wraps around it."""
        return self._zero.optimizer if self._is_zero else self._strategy.optimizers[0]

    def held(self) -> list[Piece]:
        """All that this rank holds. The optimizer's states are made, as zeros, where no step was taken yet."""
        return list(self._pieces())

    def owned(self, rank: int, ranks: int) -> list[Piece]:
        """This rank's part of a checkpoint: over all ranks, each element exactly once."""
        if self._is_zero or self._is_sharded:
            return self.held()
        found = []
        for piece in self._pieces():  # every rank holds everything: the writing is dealt out
            size = piece.tensor.numel()
            start, end = rank * size // ranks, (rank + 1) * size // ranks
            if start < end:
                found.append(Piece(piece.name, piece.kind, start, piece.tensor[start:end]))
        return found

    def steps(self) -> int:
        """Steps that the optimizer has taken; those that were skipped do not count."""
        return max((int(s[STEP]) for s in self.optimizer.state.values() if STEP in s), default=0)

    def set_steps(self, steps: int) -> None:
        """Tell the optimizer how many steps it has taken, after the pieces were read."""
        for state in self.optimizer.state.values():
            if STEP in state:
                state[STEP].fill_(steps)
        if self._is_zero:
            _spread_master_weights(self._zero)

    @property
    def _is_zero(self) -> bool:
        return isinstance(self._strategy, DeepSpeedStrategy)

    @property
    def _zero(self) -> Any:
        return self._strategy.deepspeed_engine.optimizer

    @property
    def _is_sharded(self) -> bool:
        return any(isinstance(p, DTensor) for p in self._names)

    def _pieces(self) -> Iterator[Piece]:
        if self._is_zero:
            yield from self._zero_pieces()
            return
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                name = self._names[parameter]
                states = self._states(parameter, group)
                for kind, tensor in ((WEIGHT, parameter.detach()), *states.items()):
                    start, local = _local(tensor)
                    if local.numel():
                        yield Piece(name, kind, start, local.view(-1))

    def _states(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """The optimizer's states of the parameter's shape, by name; made as zeros before the first step."""
        state = self.optimizer.state[parameter]
        if not state:
            for name in self._module.state_names(group):
                if name == STEP:
                    state[STEP] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                else:
                    state[name] = torch.zeros_like(parameter)
        return {name: tensor for name, tensor in state.items() if name != STEP}

    def _zero_pieces(self) -> Iterator[Piece]:
        zero, optimizer = self._zero, self.optimizer
        if not hasattr(optimizer, "param_groups") or type(zero).__name__ not in _ZERO_OPTIMIZERS:
            raise UserError(
                f"checkpoints of DeepSpeed's {type(zero).__name__} are not supported; choose ZeRO 1, 2 or 3"
            )
        partitioned = type(zero).__name__ == "DeepSpeedZeroOptimizer_Stage3"
        if partitioned:
            groups = zip(zero.fp16_groups, zero.fp32_partitioned_groups_flat, strict=True)
            group_of = zero.sub_group_to_group_id
        else:
            groups = zip(zero.bit16_groups, zero.single_partition_of_fp32_groups, strict=True)
            group_of = {}
        for index, (parameters, flat) in enumerate(groups):
            group = optimizer.param_groups[group_of.get(index, index)]
            fragments: list[Fragment] = (zero_3_fragments if partitioned else zero_1_and_2_fragments)(
                parameters
            )
            states = self._states(flat, group)
            for kind, tensor in ((WEIGHT, flat.detach()), *states.items()):
                for f in fragments:
                    if f.size:
                        name = self._names[parameters[f.parameter]]
                        yield Piece(name, kind, f.start, tensor[f.offset : f.offset + f.size])


_ZERO_OPTIMIZERS = ("DeepSpeedZeroOptimizer", "DeepSpeedZeroOptimizer_Stage3")


def _local(tensor: Tensor) -> tuple[int, Tensor]:
    """(first element within the flattened whole, the elements here)."""
    if not isinstance(tensor, DTensor):
        return 0, tensor
    # FSDP cuts along the first dimension, so that what a rank holds is one run of elements.
    _, offset = compute_local_shape_and_global_offset(tensor.shape, tensor.device_mesh, tensor.placements)
    row = tensor[0].numel() if tensor.ndim > 1 else 1
    return offset[0] * row, tensor.to_local()


def _spread_master_weights(zero: Any) -> None:
    """Make the parameters that ZeRO computes with from the fp32 weights that were read."""
    if type(zero).__name__ == "DeepSpeedZeroOptimizer":
        zero.update_lp_params()
        return
    zero._partition_all_parameters()
    for index in range(len(zero.fp16_groups)):
        zero._reassign_or_swap_out_partitioned_parameters(index)
    if zero.persistent_parameters:
        zero.persistent_parameters[0].all_gather(zero.persistent_parameters)
