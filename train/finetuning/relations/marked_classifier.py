"""Relations told from the states at the markers of both parts, side by side (Baldini Soares et al., 2019)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from train.finetuning.classifier import label_loss
from train.finetuning.head import ModelWithHead
from train.models import Body, LossSum
from train.models.layers import BiasedLinear


class MarkedClassifier(ModelWithHead):
    """A body, and a linear map of two hidden states to relations."""

    new_layers: tuple[str, ...] = ("score",)
    peft_task: ClassVar[str] = "SEQ_CLS"

    def __init__(self, backbone: Body, labels: Sequence[str], marks: Sequence[int]):
        """
        Args:
            marks: ids of the two tokens whose states are taken, one of each part.
        """
        super().__init__(backbone)
        self.labels, self.marks = list(labels), list(marks)
        self.score = BiasedLinear(len(marks) * backbone.width, len(labels), backbone.head_std)

    def judge(
        self,
        hidden: Tensor,
        input_ids: Tensor,
        lengths: Tensor | None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor | LossSum:
        """Logits [N, relations], or with labels (int64 [N]) their summed cross-entropy. A text that has lost a marker,
        being too long, is judged by its first token in its place."""
        assert lengths is not None
        rows = torch.arange(len(hidden), device=hidden.device) if rows is None else rows
        starts = torch.zeros_like(lengths) if segments is None else segments[rows, lengths - 1]
        places = torch.arange(hidden.size(1), device=hidden.device)
        own = (places >= starts[:, None]) & (places < lengths[:, None])
        states = []
        for mark in self.marks:
            found = (input_ids[rows] == mark) & own
            states.append(hidden[rows, torch.where(found.any(1), found.int().argmax(1), starts)])
        logits = self.score(torch.cat(states, -1))
        return logits if labels is None else label_loss("single", logits, labels, None)
