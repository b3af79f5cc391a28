"""A tagger: a model's body, and a linear map of each token's hidden state to tags."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.errors import UserError
from train.checkpoints.final_model import (
    describe_model,
    described_model,
)
from train.finetuning.head import ModelWithHead, load_with_head
from train.models import IGNORE_INDEX, Body, FigureSum, LossSum, as_body, build_model
from train.models.layers import BiasedLinear

HEAD = "score"


class Tagger(ModelWithHead):
    """A body with `score` for its output layers."""

    new_layers: tuple[str, ...] = (HEAD,)
    peft_task: ClassVar[str] = "TOKEN_CLS"

    def __init__(self, backbone: Body, labels: Sequence[str]):
        super().__init__(backbone)
        self.labels = list(labels)
        self.score = BiasedLinear(backbone.width, len(labels), backbone.head_std)

    def judge(
        self,
        hidden: Tensor,
        input_ids: Tensor,
        lengths: Tensor | None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor | LossSum:
        """Logits [B, T, tags]; or, with labels (int64 [B, T]), their summed cross-entropy."""
        if labels is None:
            return self.score(hidden)
        counts = labels != IGNORE_INDEX
        logits = self.score(hidden[counts])
        expected = labels[counts]
        total = F.cross_entropy(logits.float(), expected, reduction="sum")
        right = (logits.argmax(-1) == expected).sum()
        return LossSum(total, counts.sum(), figures={"accuracy": FigureSum(right, counts.sum())})


def load_tagger(artifact: Path, device: str | torch.device = "cpu") -> Tagger:
    """The artifact's tagger in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    description = describe_model(artifact)
    if "tags" not in description:
        raise UserError(f"{artifact} holds no tagger; fine-tune with finetune.task=tag")
    model = Tagger(as_body(build_model(*described_model(artifact))), description["tags"])
    return load_with_head(model, artifact, device)
