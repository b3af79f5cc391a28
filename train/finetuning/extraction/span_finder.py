"""A model's body, and a linear map of each token's hidden state to how well an answer begins and ends there."""

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

HEAD = "qa_outputs"


class SpanFinder(ModelWithHead):
    """A body with `qa_outputs` for its output layers, as in the `…ForQuestionAnswering` classes."""

    new_layers: tuple[str, ...] = (HEAD,)
    peft_task: ClassVar[str] = "QUESTION_ANS"

    def __init__(self, backbone: Body):
        super().__init__(backbone)
        self.qa_outputs = BiasedLinear(backbone.width, 2, backbone.head_std)

    def judge(
        self,
        hidden: Tensor,
        input_ids: Tensor,
        lengths: Tensor | None,
        labels: Tensor | None = None,
        rows: Tensor | None = None,
        segments: Tensor | None = None,
    ) -> Tensor | LossSum:
        """Logits [N, T, 2] of starts and ends; minus infinity where a place is no window's.

        With labels (int64 [N, 2], places in the window) the sum of the means of their two cross-entropies (Devlin et
        al., 2019).
        """
        assert lengths is not None
        logits = self.qa_outputs(hidden).float()
        starts = torch.zeros_like(lengths)
        if rows is not None:
            logits = logits[rows]
            if segments is not None:
                starts = segments[rows, lengths - 1]
        places = torch.arange(logits.size(1), device=logits.device)
        outside = (places < starts[:, None]) | (places >= lengths[:, None])
        logits = logits.masked_fill(outside[:, :, None], float("-inf"))
        if labels is None:
            return logits
        counts = labels[:, 0] != IGNORE_INDEX
        wanted = torch.where(counts[:, None], labels + starts[:, None], IGNORE_INDEX)
        starting, ending = (
            F.cross_entropy(logits[:, :, side], wanted[:, side], reduction="sum", ignore_index=IGNORE_INDEX)
            for side in range(2)
        )
        right = ((logits.argmax(1) == wanted).all(-1) & counts).sum()
        return LossSum(
            (starting + ending) / 2, counts.sum(), figures={"exact": FigureSum(right, counts.sum())}
        )


def load_span_finder(artifact: Path, device: str | torch.device = "cpu") -> SpanFinder:
    """The artifact's model in evaluation mode.

    Raises:
        UserError: where there is none, or the weights are of another architecture.
    """
    if describe_model(artifact).get("head") != HEAD:
        raise UserError(f"{artifact} holds no model that finds answers; fine-tune with finetune.task=extract")
    return load_with_head(SpanFinder(as_body(build_model(*described_model(artifact)))), artifact, device)
