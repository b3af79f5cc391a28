"""Losses of a pair of answers, of which the first is preferred to the second."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from train.finetuning.preferences.model import LogProbs, PreferenceModel, following_tokens
from train.models import IGNORE_INDEX, FigureSum, LossSum


class PairLoss(ABC):
    """A loss of the rewards that the model's log-probabilities imply."""

    needs_reference: ClassVar[bool] = True
    """Whether the reward is measured against the model that training begins from."""

    def __init__(self, beta: float):
        self.beta = beta

    def rewards(self, policy: LogProbs, reference: Tensor | None) -> Tensor:
        """How good the model holds the answers to be, [B, 2]: what the margin is told in."""
        assert reference is not None
        return self.beta * (policy.total - reference)

    @abstractmethod
    def losses(self, policy: LogProbs, rewards: Tensor) -> Tensor:
        """Of each pair, [B]."""

    def __call__(
        self, model: PreferenceModel, input_ids: Tensor, labels: Tensor, facts: Mapping[str, Tensor]
    ) -> LossSum:
        policy, reference = model.log_probs(input_ids, labels), facts.get("reference")
        return self.summed(policy, self.losses(policy, self.rewards(policy, reference)), reference)

    def summed(self, policy: LogProbs, losses: Tensor, reference: Tensor | None) -> LossSum:
        """The loss of the pairs that are no padding, with their margins."""
        counts = policy.tokens[:, 0] > 0
        rewards = self.rewards(policy, reference).detach()
        chosen, rejected = rewards.unbind(1)

        def figure(values: Tensor) -> FigureSum:
            return FigureSum(torch.where(counts, values.float(), 0.0).sum(), counts.sum())

        figures = {
            "margin": figure(chosen - rejected),
            "accuracy": figure(chosen > rejected),
            "chosen_reward": figure(chosen),
            "rejected_reward": figure(rejected),
        }
        return LossSum(torch.where(counts, losses, 0.0).sum(), counts.sum(), figures=figures)


class DPOLoss(PairLoss):
    """Rafailov et al., 2023, equation 7."""

    def losses(self, policy: LogProbs, rewards: Tensor) -> Tensor:
        return -F.logsigmoid(rewards[:, 0] - rewards[:, 1])


class IPOLoss(PairLoss):
    """Azar et al., 2024, equation 17, with its tau as beta; as its authors' results, of means over an answer's tokens,
    so that long answers are held to no other gap than short ones."""

    def losses(self, policy: LogProbs, rewards: Tensor) -> Tensor:
        per_token = rewards / (self.beta * policy.tokens.clamp(min=1))
        return (per_token[:, 0] - per_token[:, 1] - 1 / (2 * self.beta)).square()


class SimPOLoss(PairLoss):
    """Meng et al., 2024, equation 6: the mean per token is the reward, and the chosen answer's is to be better by
    `gamma`."""

    needs_reference: ClassVar[bool] = False

    def __init__(self, beta: float, gamma: float):
        super().__init__(beta)
        self.gamma = gamma

    def rewards(self, policy: LogProbs, reference: Tensor | None) -> Tensor:
        return self.beta * policy.mean

    def losses(self, policy: LogProbs, rewards: Tensor) -> Tensor:
        return -F.logsigmoid(rewards[:, 0] - rewards[:, 1] - self.gamma)


class ORPOLoss(PairLoss):
    """Hong et al., 2024, equation 6, with its lambda as beta: the chosen text is learnt as in plain fine-tuning, prompt
    included as in the authors' code, and beside it the odds of the chosen answer against the rejected one's."""

    needs_reference: ClassVar[bool] = False

    def rewards(self, policy: LogProbs, reference: Tensor | None) -> Tensor:
        return self.beta * policy.mean

    def losses(self, policy: LogProbs, rewards: Tensor) -> Tensor:
        chosen, rejected = policy.mean.unbind(1)
        log_odds = (chosen - _log_one_minus_exp(chosen)) - (rejected - _log_one_minus_exp(rejected))
        return -self.beta * F.logsigmoid(log_odds)

    def __call__(
        self, model: PreferenceModel, input_ids: Tensor, labels: Tensor, facts: Mapping[str, Tensor]
    ) -> LossSum:
        texts = torch.stack([following_tokens(input_ids[:, 0], labels[:, 0]), labels[:, 1]], 1)
        token_losses, in_answer = model.token_losses(input_ids, texts), labels != IGNORE_INDEX
        policy = LogProbs(-torch.where(in_answer, token_losses, 0.0).sum(-1), in_answer.sum(-1))
        learnt = token_losses[:, 0].sum(-1) / (texts[:, 0] != IGNORE_INDEX).sum(-1).clamp(min=1)
        return self.summed(policy, learnt + self.losses(policy, self.rewards(policy, None)), None)


def _log_one_minus_exp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, in the form that is exact on its side of -ln 2 (Mächler, 2012)."""
    x = x.clamp(max=-torch.finfo(x.dtype).eps)
    near = x > -math.log(2)
    # Both are computed, and the other one's gradient must not be infinite where it is not taken.
    close, far = torch.where(near, x, -math.log(2)), torch.where(near, -math.log(2), x)
    return torch.where(near, torch.log(-torch.expm1(close)), torch.log1p(-torch.exp(far)))
