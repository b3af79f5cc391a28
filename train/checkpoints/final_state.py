"""A model's weights after training, from its checkpoints."""

from torch import Tensor, nn

from pipeline.formats.checkpoints import Checkpoint
from train.checkpoints.files import Reader


class FinalState:
    """The model's state dict after training, put together from a checkpoint, whatever the strategy."""

    def __init__(self, model: nn.Module, keeps_frozen: bool):
        """Remember, before the strategy takes the model apart, what is trained.

        Args:
            keeps_frozen: whether what is not trained is copied, and becomes part of what is read.
        """
        trained = {p: name for name, p in model.named_parameters() if p.requires_grad}
        self._shapes = {name: p.shape for p, name in trained.items()}
        self._first_names: dict[str, str] = {}
        self._frozen: dict[str, Tensor] = {}
        for name, tensor in model.state_dict(keep_vars=True).items():
            if tensor in trained:
                self._first_names[name] = trained[tensor]  # tied weights have several names
            elif keeps_frozen:
                self._frozen[name] = tensor.detach().clone()

    def read(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        weights = Reader(checkpoint).weights(self._shapes)
        return {name: weights[first] for name, first in self._first_names.items()} | self._frozen
