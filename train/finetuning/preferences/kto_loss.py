"""The loss of answers that are each good or bad (Ethayarajh et al., 2024)."""

from collections.abc import Mapping

import torch
from torch import Tensor, distributed

from train.finetuning.preferences.model import LogProbs, PreferenceModel
from train.models import FigureSum, LossSum


class KTOLoss:
    """Equation 8: how far an answer's reward is from what such prompts' answers gain anyway, through a sigmoid.

    An example's second row is its prompt with another's answer. Over these, the gain is the model's divergence from the
    reference: the mean over a micro-batch of all ranks, as in the authors' code.
    """

    def __init__(self, beta: float, desirable_weight: float, undesirable_weight: float):
        self.beta = beta
        self._weights = (desirable_weight, undesirable_weight)

    def rewards(self, policy: LogProbs, reference: Tensor | None) -> Tensor:
        assert reference is not None
        return self.beta * (policy.total - reference)

    def __call__(
        self, model: PreferenceModel, input_ids: Tensor, labels: Tensor, facts: Mapping[str, Tensor]
    ) -> LossSum:
        desirable, reference = facts["desirable"], facts["reference"]
        with torch.no_grad():
            others = model.log_probs(input_ids[:, 1], labels[:, 1])
            there = others.tokens > 0
            gains = torch.where(there, self.rewards(others, reference[:, 1]).float(), 0.0)
            gain = _mean_over_ranks(gains.sum(), there.sum()).clamp(min=0)
        policy = model.log_probs(input_ids[:, 0], labels[:, 0])
        rewards = self.rewards(policy, reference[:, 0])
        distance = torch.where(desirable, rewards - gain, gain - rewards)
        weights = torch.where(desirable, *self._weights)
        counts = policy.tokens > 0
        total = torch.where(counts, weights * (1 - torch.sigmoid(distance)), 0.0).sum()

        def figure(values: Tensor, among: Tensor) -> FigureSum:
            return FigureSum(torch.where(among, values.detach().float(), 0.0).sum(), among.sum())

        figures = {
            "accuracy": figure(distance > 0, counts),
            "chosen_reward": figure(rewards, counts & desirable),
            "rejected_reward": figure(rewards, counts & ~desirable),
            "divergence": FigureSum(gains.sum() / self.beta, there.sum()),
        }
        return LossSum(total, counts.sum(), figures=figures)


def _mean_over_ranks(total: Tensor, count: Tensor) -> Tensor:
    sums = torch.stack([total, count.to(total.dtype)])
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(sums)
    return sums[0] / sums[1].clamp(min=1)
