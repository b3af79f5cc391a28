"""A trained model as it teaches another: it reads what the student reads, and is never changed."""

import torch
from torch import Tensor

from train.checkpoints.named_model import NamedModel
from train.models import LanguageModel, as_language_model
from train.models.distillation import WholeDistribution


class Teacher:
    """Whole on every rank, whatever the strategy does with the student."""

    def __init__(self, model: LanguageModel):
        self._model = model.eval().requires_grad_(False)
        self._device = torch.device("cpu")

    @classmethod
    def load(cls, named: NamedModel) -> "Teacher":
        """Raises: UserError: where the weights are gone or damaged."""
        # What is drawn while it is built must not change the student's own weights.
        with torch.random.fork_rng(devices=[]):
            return cls(as_language_model(named.load()))

    @torch.no_grad()
    def read(
        self, input_ids: Tensor, segments: Tensor | None, vocab_size: int, temperature: float
    ) -> WholeDistribution:
        """What it says of the token after each of `input_ids`, int64 [B, T], row by row.

        Args:
            segments: as of `TrainableModel`.
            vocab_size, temperature: as of `WholeDistribution`.
        """
        if self._device != input_ids.device:
            self._device = input_ids.device
            self._model.to(self._device)
        layer = self._model.output_layer
        if layer is None:
            given = {} if segments is None else {"segments": segments}
            logits = self._model(input_ids, **given)
            assert isinstance(logits, Tensor)  # there are no labels
            return WholeDistribution(logits.flatten(0, 1), None, None, vocab_size, temperature)
        hidden = self._model.hidden(input_ids, segments=segments).flatten(0, 1)
        return WholeDistribution(hidden, layer.weight, layer.bias, vocab_size, temperature)
