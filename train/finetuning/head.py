"""A base model with a head of a task's own, in place of its output matrix."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from pipeline.config.models import ModelConfig
from train.checkpoints.final_model import load_weights, read_weights, save_model
from train.models import Body, LossSum
from train.models.wrapped import BODY, WrappedModel


class ModelWithHead(WrappedModel, ABC):
    """What a subclass adds to the body is new: it names it in `new_layers`."""

    def __init__(self, backbone: Body):
        """The backbone becomes part of this model and loses its output layers, which nothing would train. Several heads
        may have one backbone."""
        if backbone.has_output:
            backbone.drop_output()
            backbone.has_output = False
        super().__init__(backbone)

    def forward(
        self,
        input_ids: Tensor,
        lengths: Tensor | None = None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
        token_types: Tensor | None = None,
    ) -> Tensor | LossSum:
        """What the head makes of right-padded input_ids [B, T]: see `judge`.

        Args:
            lengths: int64 [N], where in its row each text ends.
            rows: int64 [N], where texts share rows (`segments`); else each text has the row of its number.
        """
        real = lengths if rows is None else None
        hidden = self.backbone.hidden(input_ids, segments=segments, lengths=real, token_types=token_types)
        return self.judge(hidden, input_ids, lengths, labels, rows, segments)

    @abstractmethod
    def judge(
        self,
        hidden: Tensor,
        input_ids: Tensor,
        lengths: Tensor | None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor | LossSum:
        """Logits of hidden states [B, T, width] of tokens [B, T], or with labels their summed loss."""


M = TypeVar("M", bound=WrappedModel)


def save_with_head(
    artifact: Path, state: dict[str, Tensor], config: ModelConfig, vocab_size: int, **facts: Any
) -> None:
    """Write `<artifact>/model`: the weights under their Hugging Face names, the facts in model.json."""
    named = {name.removeprefix(BODY): tensor for name, tensor in state.items()}
    save_model(artifact, named, config, vocab_size, **facts)


def load_with_head(model: M, artifact: Path, device: str | torch.device) -> M:
    """The model with the artifact's weights, in evaluation mode.

    Raises:
        UserError: where they are of another architecture.
    """
    new = tuple(f"{layer}." for layer in model.new_layers)
    state = read_weights(artifact)
    own = {name if name.startswith(new) else BODY + name: tensor for name, tensor in state.items()}
    load_weights(model, own, str(artifact))
    return model.to(device).eval()
