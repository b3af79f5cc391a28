"""A loss that learns a teacher's distribution of each next token beside the tokens themselves (Hinton et al., 2015).

With student q, teacher p, temperature T and the teacher's share w, both distributions at that temperature:

    loss = (1 − w) · cross-entropy + w · T² · KL(p ‖ q),    KL(p ‖ q) = Σ p · (log p − log q)

As the cross-entropy alone (`lm_head.py`) it is made a chunk of tokens at a time, together with its gradients, so that
neither model's logits of a whole batch ever exist.
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from train.models.head_gradients import (
    HeadGradients,
    add_gradients,
    cast_like,
    cast_to,
    computing_dtype,
)
from train.models.interface import IGNORE_INDEX
from train.models.lm_head import RegularizedLoss, tokens_per_chunk


class Divergence(NamedTuple):
    """How far a student's distributions are from a teacher's."""

    total: Tensor
    """KL(p ‖ q) in nats, fp32 [n, 1]."""
    gradient: Tensor
    """Of the student's logits, as they were compared, fp32 [n, V]."""


class SoftTargets(Protocol):
    """What a teacher says of the next token at each place of a batch, at the temperature of the comparison."""

    def compare(self, scores: Tensor, start: int) -> Divergence:
        """Args: scores: the student's logits divided by the temperature, fp32 [n, V], of the places from `start` on."""


class Distillation:
    """A `LossChange`: the teacher's share in the loss."""

    def __init__(self, targets: SoftTargets, temperature: float, weight: float):
        self.targets, self.temperature, self.weight = targets, temperature, weight

    def in_chunks(
        self, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> RegularizedLoss:
        return RegularizedLoss(*_DistilledLoss.apply(hidden, weight, bias, targets, self))

    def of_logits(self, logits: Tensor, targets: Tensor) -> RegularizedLoss:
        scores = logits.float()
        counts = (targets != IGNORE_INDEX).float()
        picked = scores.gather(1, torch.where(targets == IGNORE_INDEX, 0, targets)[:, None])[:, 0]
        plain = ((scores.logsumexp(-1) - picked) * counts).sum()
        softened = scores / self.temperature
        total, gradient = self.targets.compare(softened.detach(), 0)
        # Its value is the total, and its gradient the one that came with it.
        divergences = total[:, 0] + (gradient * (softened - softened.detach())).sum(-1)
        taught = self.temperature**2 * (divergences * counts).sum()
        trained = (1 - self.weight) * plain + self.weight * taught
        return RegularizedLoss(trained, plain.detach(), taught.detach())


class _DistilledLoss(torch.autograd.Function):
    """Gives what is trained, and its two parts: the summed cross-entropy, and T² times the summed divergence."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        distillation: Distillation,
    ) -> tuple[Tensor, Tensor, Tensor]:
        share, temperature = distillation.weight, distillation.temperature
        dtype = computing_dtype(hidden)
        matrix, offsets = weight.to(dtype), cast_to(bias, dtype)
        grads = HeadGradients.empty(ctx.needs_input_grad, hidden, weight)
        plain = torch.zeros((), dtype=torch.float32, device=hidden.device)
        taught = torch.zeros_like(plain)
        size = tokens_per_chunk(weight.size(0), hidden.device)
        for start in range(0, hidden.size(0), size):
            part = hidden[start : start + size].to(dtype)
            target = targets[start : start + size, None]
            counts = (target != IGNORE_INDEX).float()
            target = torch.where(target == IGNORE_INDEX, 0, target)
            scores = F.linear(part, matrix, offsets).float()
            divergence, pull = distillation.targets.compare(scores / temperature, start)
            taught = taught + temperature**2 * (divergence * counts).sum()
            # From here on as in `lm_head.py`, in place.
            top, picked = scores.amax(-1, keepdim=True), scores.gather(1, target)
            scores.sub_(top).exp_()
            partition = scores.sum(-1, keepdim=True)
            plain = plain + ((partition.log() + top - picked) * counts).sum()
            hard = (1 - share) * counts
            scores.mul_(hard / partition).scatter_add_(1, target, -hard)
            scores.addcmul_(pull, share * temperature * counts)
            add_gradients(grads, scores, part, matrix, start)
        ctx.save_for_backward(grads.hidden, cast_like(grads.weight, weight), cast_like(grads.bias, bias))
        ctx.mark_non_differentiable(plain, taught)
        return (1 - share) * plain + share * taught, plain, taught

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_trained: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        grads = (None if grad is None else grad * grad_trained.to(grad.dtype) for grad in ctx.saved_tensors)
        return *grads, None, None


class WholeDistribution:
    """All of a teacher's logits, made of its hidden states where they are compared."""

    def __init__(
        self, hidden: Tensor, weight: Tensor | None, bias: Tensor | None, vocab_size: int, temperature: float
    ):
        """
        Args:
            hidden: the teacher's final hidden states [N, H]; or where the weight is None its logits [N, V].
            weight, bias: of its output layer, [V, H] and [V].
            vocab_size: tokens that the student knows; the teacher may have further logits, of no token.
        """
        self._hidden, self.vocab_size, self._temperature = hidden, vocab_size, temperature
        self._weight = None if weight is None else weight[:vocab_size].to(hidden.dtype)
        self._bias = None if bias is None else bias[:vocab_size].to(hidden.dtype)

    @property
    def device(self) -> torch.device:
        return self._hidden.device

    def logits(self, start: int, count: int) -> Tensor:
        """Of the places from `start` on, divided by the temperature, fp32 [count, V]."""
        part = self._hidden[start : start + count]
        if self._weight is not None:
            part = F.linear(part, self._weight, self._bias)
        return part[:, : self.vocab_size].float() / self._temperature

    def compare(self, scores: Tensor, start: int) -> Divergence:
        theirs = self.logits(start, scores.size(0)).log_softmax(-1)
        ours = scores.log_softmax(-1)
        shares = theirs.exp()
        total = (shares * (theirs - ours)).sum(-1, keepdim=True)
        return Divergence(total, ours.exp_().sub_(shares))
