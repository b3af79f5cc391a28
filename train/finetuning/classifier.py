"""Text classification: a model's body, and a linear map of a text's hidden state to labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.config.tasks.classify import LabelKind, Pooling
from pipeline.errors import UserError
from train.checkpoints.final_model import (
    describe_model,
    described_model,
)
from train.finetuning.head import ModelWithHead, load_with_head
from train.finetuning.pooling import pool
from train.models import IGNORE_INDEX, Body, FigureSum, LossSum, as_body, build_model


class Classifier(ModelWithHead):
    """A body with `score` for its output layers, as in its `…ForSequenceClassification` class."""

    new_layers: tuple[str, ...] = ("score",)
    peft_task: ClassVar[str] = "SEQ_CLS"

    def __init__(
        self,
        backbone: Body,
        labels: list[str],
        pooling: Pooling = "last",
        kind: LabelKind = "single",
        weights: list[float] | None = None,
    ):
        """
        Args:
            labels: of regression the name of its one output.
            weights: of each label in the loss; None where all count alike.
        """
        super().__init__(backbone)
        self.labels, self.pooling, self.kind = labels, pooling, kind
        self.weights = weights
        self.score = backbone.label_head(len(labels))

    def judge(
        self,
        hidden: Tensor,
        input_ids: Tensor,
        lengths: Tensor | None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor | LossSum:
        """Logits [N, labels]. With labels, as `LabelExamples.collate` gives them, their summed loss: cross-entropy, the
        mean over the labels of the binary one, or the squared error."""
        assert lengths is not None
        logits = self.score(pool(hidden, lengths, rows, segments, self.pooling))
        return logits if labels is None else label_loss(self.kind, logits, labels, self.weights)


def label_loss(kind: LabelKind, logits: Tensor, labels: Tensor, weights: list[float] | None) -> LossSum:
    """The summed loss of logits [B, labels], with what is told beside it.

    Args:
        labels: int64 [B], or fp32 [B, labels]; see `LabelExamples.collate`.
        weights: of each label.
    """
    logits = logits.float()
    weight = None if weights is None else logits.new_tensor(weights)
    if kind == "single":
        total = F.cross_entropy(logits, labels, weight, reduction="sum", ignore_index=IGNORE_INDEX)
        counts = labels != IGNORE_INDEX
        right = ((logits.argmax(-1) == labels) & counts).sum()
        return LossSum(total, counts.sum(), figures={"accuracy": FigureSum(right, counts.sum())})
    counts = ~labels.isnan().any(-1)
    wanted = torch.where(counts[:, None], labels, 0.0)
    if kind == "multi":
        each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none", pos_weight=weight)
        right = (((logits > 0) == (wanted > 0)).all(-1) & counts).sum()
        figures = {"exact": FigureSum(right, counts.sum())}
    else:
        each = (logits - wanted) ** 2
        off = ((logits - wanted).abs().mean(-1) * counts).sum().detach()
        figures = {"absolute_error": FigureSum(off, counts.sum())}
    return LossSum((each.mean(-1) * counts).sum(), counts.sum(), figures=figures)


def classifier_on(backbone: Body, description: Mapping[str, Any]) -> Classifier:
    """Args: description: what model.json says."""
    pooling, kind = description.get("pooling", "last"), description.get("kind", "single")
    return Classifier(backbone, description["labels"], pooling, kind)


def load_classifier(artifact: Path, device: str | torch.device = "cpu") -> Classifier:
    """The artifact's classifier in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    description = describe_model(artifact)
    if "labels" not in description:
        raise UserError(
            f"{artifact} holds a language model, not a classifier; fine-tune with finetune.task=classify"
        )
    backbone = as_body(build_model(*described_model(artifact)))
    return load_with_head(classifier_on(backbone, description), artifact, device)
