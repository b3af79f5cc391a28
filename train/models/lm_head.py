"""The output matrix, and the cross-entropy that never holds the logits of a whole batch.

For 2,048 tokens and 50,257 words the logits are 0.4 GB in fp32, and their gradient as much again.
torch 2.13 has `F.linear_cross_entropy`, but its chunked form breaks the graph of torch.compile, and
torch 2.11 lacks it. Here the tokens are taken a chunk at a time and the gradients are computed
together with the loss, while a chunk's logits are at hand: nothing is computed twice (Hsu et al.,
2024, "Liger Kernel"; Wijmans et al., 2024, "Cut Your Losses").
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

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
from train.models.interface import IGNORE_INDEX, NO_FIGURES, FigureSum, LossSum
from train.models.layers import Linear
from train.models.numerics import FP32, Numerics

# Logits per chunk. On a CPU a chunk should fit its cache; a GPU wants large matrices, and 2**27
# are 0.5 GB in fp32.
CPU_CHUNK = 2**21
GPU_CHUNK = 2**27


def head_bytes(width: int, vocab_size: int, tokens: int, numerics: Numerics) -> int:
    """Bytes that the cross-entropy of a micro-batch of `tokens` takes at its peak, for hidden states of `width`: a
    chunk's logits, the gradient of the matrix in fp32, what it is cast to, and the gradient of the hidden states."""
    chunk = min(tokens, max(1, (GPU_CHUNK if numerics.on_gpu else CPU_CHUNK) // vocab_size))
    mixed = numerics.compute != FP32
    logits = chunk * vocab_size * (FP32 + (numerics.compute if mixed else 0))
    matrix = vocab_size * width
    # The gradient in fp32; in the backward pass, its product with the incoming one, or before that a chunk's share.
    gradient = matrix * (FP32 + (2 * numerics.compute if mixed else FP32))
    return logits + gradient + tokens * width * numerics.residual


class RegularizedLoss(NamedTuple):
    """Sums over tokens, fp32 scalars."""

    trained: Tensor
    """The cross-entropy with what regularizes it; differentiable."""
    plain: Tensor
    """The cross-entropy alone, without a gradient."""
    taught: Tensor | None = None
    """Of a model that learns from a teacher, how far it is from the teacher, without a gradient."""


class LossChange(Protocol):
    """What is trained on in place of the plain cross-entropy: something is added to it, or a part of it replaced."""

    def in_chunks(
        self, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> RegularizedLoss:
        """Of hidden states [N, H], weight [V, H], bias [V] and targets [N], without the logits of all of them."""

    def of_logits(self, logits: Tensor, targets: Tensor) -> RegularizedLoss:
        """Of logits [N, V] that are there as a whole."""


class Regularization(NamedTuple):
    """What is added to the cross-entropy that is trained on."""

    z_loss: float = 0.0
    """Factor of (log Σ exp(logits))², which keeps the logits from drifting (Chowdhery et al., 2022, "PaLM")."""
    label_smoothing: float = 0.0
    """Share of each label's probability that is spread over all tokens (Szegedy et al., 2016)."""

    def in_chunks(
        self, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor
    ) -> RegularizedLoss:
        return RegularizedLoss(*_SummedLoss.apply(hidden, weight, bias, targets, *self))

    def of_logits(self, logits: Tensor, targets: Tensor) -> RegularizedLoss:
        scores = logits.float()
        counts = (targets != IGNORE_INDEX).float()
        log_partition = scores.logsumexp(-1)
        picked = scores.gather(1, torch.where(targets == IGNORE_INDEX, 0, targets)[:, None])[:, 0]
        plain = ((log_partition - picked) * counts).sum()
        extra = self.z_loss * log_partition.square() + self.label_smoothing * (picked - scores.mean(-1))
        return RegularizedLoss(plain + (extra * counts).sum(), plain.detach())


class LMHead(Linear):
    """Hidden states → logits, or → cross-entropy where labels are given.

    Both happen inside `forward`, because only there is the weight whole under ZeRO-3.
    """

    def forward(
        self,
        input: Tensor,
        labels: Tensor | None = None,
        reduction: Literal["sum", "none"] = "sum",
        regularization: LossChange | None = None,
    ) -> Tensor | RegularizedLoss:
        """Logits [..., V] of hidden states [..., H]; with labels [...] their cross-entropy in nats, fp32.

        `sum` gives a scalar, `none` the shape of the labels with 0 where one is ignored. What regularizes it counts
        where gradients are made of a sum.
        """
        weight, bias = self.weight, self.bias
        if labels is None:
            return F.linear(input, weight, bias)
        flat, targets = input.flatten(0, -2), labels.flatten()
        if reduction == "none":
            token_losses = _TokenLosses.apply if torch.is_grad_enabled() else _token_losses
            return token_losses(flat, weight, bias, targets).view(labels.shape)
        if not torch.is_grad_enabled():
            return _token_losses(flat, weight, bias, targets).sum()
        if regularization is None:
            return _SummedLoss.apply(flat, weight, bias, targets, 0.0, 0.0)[0]
        return regularization.in_chunks(flat, weight, bias, targets)


def loss_sum(
    head: LMHead,
    hidden: Tensor,
    labels: Tensor,
    regularization: LossChange | None = None,
    auxiliary: Tensor | None = None,
    figures: Mapping[str, FigureSum] = NO_FIGURES,
) -> LossSum:
    """The loss of hidden states [B, T, H]; what regularizes it is part of its `auxiliary`, and so not of what is
    told."""
    tokens = (labels != IGNORE_INDEX).sum()
    found = head(hidden, labels, regularization=regularization)
    if isinstance(found, Tensor):
        return LossSum(found, tokens, auxiliary, figures)
    return changed_loss(found, tokens, auxiliary, figures)


def changed_loss(
    found: RegularizedLoss,
    tokens: Tensor,
    auxiliary: Tensor | None = None,
    figures: Mapping[str, FigureSum] = NO_FIGURES,
) -> LossSum:
    """A loss that is told without what changes it: the gradients of both are made together, so they all come by way of
    the difference."""
    extra = found.trained - found.plain
    if found.taught is not None:
        figures = {**figures, "distillation_loss": FigureSum(found.taught, tokens)}
    return LossSum(found.plain, tokens, extra if auxiliary is None else extra + auxiliary, figures)


def tokens_per_chunk(vocab_size: int, device: torch.device) -> int:
    return max(1, (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK) // vocab_size)


def _token_losses(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    """Cross-entropies [N] of hidden [N, H], weight [V, H], bias [V] and targets [N]."""
    size = tokens_per_chunk(weight.size(0), hidden.device)
    chunks = zip(hidden.split(size), targets.split(size), strict=True)
    losses = [
        F.cross_entropy(
            F.linear(part, weight, bias).float(), target, reduction="none", ignore_index=IGNORE_INDEX
        )
        for part, target in chunks
    ]
    return torch.cat(losses)


class _TokenLosses(torch.autograd.Function):
    """Cross-entropies whose logits are made again in the backward pass.

    What each token's loss will be multiplied with is known then only, such as what a preference loss makes of the sum
    over an answer, so that the gradients cannot be made on the way forward.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
        ctx.dtype = computing_dtype(hidden)
        ctx.save_for_backward(hidden, weight, bias, targets)
        return _token_losses(hidden, weight.to(ctx.dtype), cast_to(bias, ctx.dtype), targets)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_losses: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, targets = ctx.saved_tensors
        needs_hidden, needs_weight, needs_bias, _ = ctx.needs_input_grad
        matrix, offsets = weight.to(ctx.dtype), cast_to(bias, ctx.dtype)
        grad_hidden = torch.empty_like(hidden) if needs_hidden else None
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if needs_weight else None
        grad_bias = torch.zeros_like(bias, dtype=torch.float32) if needs_bias else None
        size = tokens_per_chunk(weight.size(0), hidden.device)
        for start in range(0, hidden.size(0), size):
            rows = slice(start, start + size)
            part = hidden[rows].to(ctx.dtype)
            target = targets[rows, None]
            factors = torch.where(target == IGNORE_INDEX, 0.0, grad_losses[rows, None].float())
            target = torch.where(target == IGNORE_INDEX, 0, target)
            # d loss / d logits = softmax(logits) - onehot(target)
            scores = F.linear(part, matrix, offsets).float().softmax(-1)
            scores.mul_(factors).scatter_add_(1, target, -factors)
            grad_logits = scores.to(ctx.dtype)
            if grad_hidden is not None:
                grad_hidden[rows] = grad_logits @ matrix
            if grad_weight is not None:
                grad_weight += grad_logits.t() @ part
            if grad_bias is not None:
                grad_bias += scores.sum(0)
        return grad_hidden, cast_like(grad_weight, weight), cast_like(grad_bias, bias), None


class _SummedLoss(torch.autograd.Function):
    """Summed cross-entropy whose gradients are made on the way forward; gives what is trained, and the part of it that
    is the plain cross-entropy."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        z_loss: float,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        dtype = computing_dtype(hidden)
        matrix, offsets = weight.to(dtype), cast_to(bias, dtype)
        grads = HeadGradients.empty(ctx.needs_input_grad, hidden, weight)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        extra = torch.zeros_like(total)
        size = tokens_per_chunk(weight.size(0), hidden.device)
        for start in range(0, hidden.size(0), size):
            part = hidden[start : start + size].to(dtype)
            target = targets[start : start + size, None]
            counts = (target != IGNORE_INDEX).float()
            target = torch.where(target == IGNORE_INDEX, 0, target)
            # In place from here on: on a CPU, touching fresh memory costs as much as the arithmetic.
            scores = F.linear(part, matrix, offsets).float()
            top = scores.amax(-1, keepdim=True)
            picked = scores.gather(1, target)
            mean = scores.mean(-1, keepdim=True) if smoothing else picked
            scores.sub_(top).exp_()
            partition = scores.sum(-1, keepdim=True)
            log_partition = partition.log() + top
            # Not in place: torch 2.11 would compile a backward pass whose gradient of `total` is 0.
            total = total + ((log_partition - picked) * counts).sum()
            # d loss / d logits = softmax(logits) - onehot(target), and 0 for ignored tokens.
            factors, share = counts / partition, counts
            if z_loss:
                extra = extra + z_loss * (log_partition.square() * counts).sum()
                factors = factors * (1 + 2 * z_loss * log_partition)
            if smoothing:
                extra = extra + smoothing * ((picked - mean) * counts).sum()
                share = counts * (1 - smoothing)
            scores.mul_(factors).scatter_add_(1, target, -share)
            if smoothing:
                scores.sub_(counts * (smoothing / scores.size(1)))
            add_gradients(grads, scores, part, matrix, start)
        ctx.save_for_backward(grads.hidden, cast_like(grads.weight, weight), cast_like(grads.bias, bias))
        ctx.mark_non_differentiable(total)
        return total + extra, total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_trained: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grads = (None if grad is None else grad * grad_trained.to(grad.dtype) for grad in ctx.saved_tensors)
        return *grads, None, None, None
