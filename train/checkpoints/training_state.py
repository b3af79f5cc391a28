"""The training state as named pieces: the same names and values whatever the strategy and the number of ranks.

A piece is a run of consecutive elements of one flattened parameter, or of one of its optimizer states, in fp32.
Every strategy holds its share of the state as such pieces: all of it under `single` and `ddp`, rows under FSDP,
slices of flattened groups under ZeRO. A checkpoint is the pieces of all ranks; whoever loads it reads the elements
that its own pieces cover. So a run goes on under another strategy or on another number of ranks without a conversion.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from train.checkpoints.pieces import WEIGHT, StatePiece, part_of
from train.optim import STEP, OptimizerModule
from train.strategies.shares import Group
from train.strategies.strategy import TrainingStrategy


class TrainingState:
    """This rank's view of the state of a training run that Lightning has set up."""

    def __init__(self, model: nn.Module, strategy: TrainingStrategy, optimizer: OptimizerModule):
        """
        Args:
            optimizer: the module that made the optimizer, and knows the names of its states.
        """
        self._model, self._strategy, self._module = model, strategy, optimizer

    def held(self) -> list[StatePiece]:
        """All that this rank holds. The optimizer's states are made, as zeros, where no step was taken yet."""
        return list(self._pieces())

    def owned(self, rank: int, ranks: int) -> list[StatePiece]:
        """This rank's part of a checkpoint: over all ranks, each element exactly once."""
        if not self._strategy.replicates:
            return self.held()
        # Every rank holds everything: the writing is dealt out.
        parts = (part_of(piece, rank, ranks) for piece in self._pieces())
        return [part for part in parts if part.tensor.numel()]

    def steps(self) -> int:
        """Steps that the optimizer has taken; those that were skipped do not count."""
        return max((int(s[STEP]) for s in self._optimizer_states() if STEP in s), default=0)

    def was_read(self, steps: int) -> None:
        """To be called after the pieces were read, with how many steps the optimizer has taken."""
        for state in self._optimizer_states():
            if STEP in state:
                state[STEP].fill_(steps)
        self._strategy.weights_were_read()

    def _optimizer_states(self) -> Iterable[dict[str, Tensor]]:
        return self._strategy.own_optimizer.state.values()

    def _pieces(self) -> Iterator[StatePiece]:
        shares = self._strategy.shares(self._model)
        names = {p: name for name, p in self._model.named_parameters()}
        for share in shares:
            states = self._states(share.tensor, share.group)
            for kind, tensor in ((WEIGHT, share.tensor.detach()), *states.items()):
                local = (tensor.to_local() if isinstance(tensor, DTensor) else tensor).view(-1)
                for f in share.fragments:
                    if f.size:
                        piece = local[f.offset : f.offset + f.size]
                        yield StatePiece(names[f.parameter], kind, f.start, piece)

    def _states(self, tensor: Tensor, group: Group) -> dict[str, Tensor]:
        """The optimizer's states of the tensor's shape, by name; made as zeros before the first step."""
        state = self._strategy.own_optimizer.state[tensor]
        if not state:
            for name in self._module.state_names(group):
                if name == STEP:
                    state[STEP] = torch.zeros((), dtype=torch.float32, device=tensor.device)
                else:
                    state[name] = torch.zeros_like(tensor)
        return {name: tensor for name, tensor in state.items() if name != STEP}
