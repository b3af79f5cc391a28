"""A language model as preference losses train it: what it thinks of whole answers."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from train.models import IGNORE_INDEX, LanguageModel, LossSum
from train.models.wrapped import WrappedModel


class LogProbs(NamedTuple):
    """Log-probabilities of answers, in nats."""

    total: Tensor
    """Of each whole answer, fp32 [B, answers]."""
    tokens: Tensor
    """Tokens of each answer, the one that ends it included, int64 [B, answers]; 0 for padding."""

    @property
    def mean(self) -> Tensor:
        """Per token of the answer."""
        return self.total / self.tokens.clamp(min=1)


class PreferenceLoss(Protocol):
    """What a task minimizes."""

    def rewards(self, policy: "LogProbs", reference: Tensor | None) -> Tensor:
        """How good the model holds answers to be, in the shape of their log-probabilities.

        Args:
            reference: their log-probabilities under the model that training begins from, where the task has them.
        """

    def __call__(
        self, model: "PreferenceModel", input_ids: Tensor, labels: Tensor, facts: Mapping[str, Tensor]
    ) -> LossSum:
        """The loss of a batch, summed over its examples, with the figures that tell how it goes.

        Args:
            facts: what the batch says besides, such as the reference's log-probabilities.
        """


class PreferenceModel(WrappedModel):
    """The base model, whose `forward` gives a preference loss."""

    def __init__(self, backbone: LanguageModel, loss: PreferenceLoss):
        super().__init__(backbone)
        self._loss = loss

    def forward(
        self, input_ids: Tensor, labels: Tensor, only_log_probs: bool = False, **facts: Tensor
    ) -> LossSum | Tensor:
        """The loss of input_ids and labels [B, answers, T]; or the answers' log-probabilities, fp32 [B, answers]."""
        if only_log_probs:
            return self.log_probs(input_ids, labels).total
        return self._loss(self, input_ids, labels, facts)

    def log_probs(self, input_ids: Tensor, labels: Tensor) -> LogProbs:
        """Of the labels that count, each [B, answers, T] or [B, T]."""
        counted = labels != IGNORE_INDEX
        return LogProbs(-self.token_losses(input_ids, labels).sum(-1), counted.sum(-1))

    def token_losses(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropies in the shape of the labels; 0 where one does not count."""
        width = input_ids.size(-1)
        losses = self.backbone.token_losses(input_ids.view(-1, width), labels.reshape(-1, width))
        return losses.view(labels.shape)


def following_tokens(input_ids: Tensor, labels: Tensor) -> Tensor:
    """The labels, and in the prompt the tokens that follow: as if all of the text were to be learnt.

    Padding, which is right of the answer, still does not count.
    """
    after = torch.cat([input_ids[..., 1:], input_ids[..., :1]], -1)
    first = (labels != IGNORE_INDEX).long().argmax(-1, keepdim=True)
    places = torch.arange(labels.size(-1), device=labels.device)
    return torch.where(places < first, after, labels)
