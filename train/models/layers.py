"""Layers that differ from torch's in their initial weights only.

Each layer draws its weights in `reset_parameters`, called by its constructor, and not in a pass
over the finished model: DeepSpeed's `zero.Init` partitions a module's parameters as soon as it is
constructed, and a later pass would fill empty tensors.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D as TransformersConv1D

from pipeline.config.models.rope_scaling import RopeScalingConfig
from train.models.rope_scaling import scaled_frequencies


class Linear(nn.Linear):
    """A linear map without bias whose weight [out, in] starts as normal(0, std)."""

    def __init__(self, in_features: int, out_features: int, std: float):
        self.std = std
        super().__init__(in_features, out_features, bias=False)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)


class BiasedLinear(nn.Linear):
    """A linear map whose weight [out, in] starts as normal(0, std) and whose bias starts at zero."""

    def __init__(self, in_features: int, out_features: int, std: float):
        self.std = std
        super().__init__(in_features, out_features)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        nn.init.zeros_(self.bias)


class Conv1D(TransformersConv1D):
    """GPT-2's linear map: bias, and a weight stored as [in, out], as its checkpoints have it."""

    def __init__(self, in_features: int, out_features: int, std: float):
        nn.Module.__init__(self)
        self.nx, self.nf, self.std = in_features, out_features, std
        self.weight = nn.Parameter(torch.empty(in_features, out_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        # Twice, as under transformers' own constructor: a seed gives the same model whichever of the two ran.
        nn.init.normal_(self.weight)
        nn.init.normal_(self.weight, std=self.std)
        nn.init.zeros_(self.bias)


class Embedding(nn.Embedding):
    """A table of vectors that starts as normal(0, std)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, std: float):
        self.std = std
        super().__init__(num_embeddings, embedding_dim)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm (Zhang and Sennrich, 2019) of the last dimension, in the input's dtype."""

    def __init__(self, size: int, eps: float):
        super().__init__(size, eps=eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Under autocast x may be bf16 beside an fp32 gain, for which torch has no fused kernel.
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Rotary(nn.Module):
    """Tables of rotary position embeddings (Su et al., 2021), in the rotate-half layout of Llama.

    `cos` and `sin` are [context, 1, head_size] and stay fp32 whatever the model is cast to: in bf16
    neighbouring positions beyond 256 would share an angle.
    """

    def __init__(self, head_size: int, context: int, theta: float, scaling: RopeScalingConfig | None = None):
        super().__init__()
        self.head_size, self.context, self.theta, self.scaling = head_size, context, theta, scaling
        empty = torch.empty(context, 1, head_size)
        self.register_buffer("cos", empty, persistent=False)
        self.register_buffer("sin", torch.empty_like(empty), persistent=False)
        self._fill()

    def _fill(self) -> None:
        # On the CPU even where the tables live elsewhere, so that every device gets the same angles.
        exponents = torch.arange(0, self.head_size, 2, dtype=torch.float32, device="cpu") / self.head_size
        frequencies, sharpness = 1.0 / self.theta**exponents, 1.0
        if self.scaling is not None:
            frequencies, sharpness = scaled_frequencies(frequencies, self.theta, self.scaling, self.context)
        angles = torch.arange(self.context, dtype=torch.float32, device="cpu")[:, None, None] * frequencies
        angles = torch.cat((angles, angles), -1)
        device = self.cos.device
        self.cos = (angles.cos() * sharpness).to(device)
        # The sign of rotate-half sits in the table, so that rotating is two multiplications.
        half = self.head_size // 2
        sin = angles.sin() * sharpness
        sin[..., :half].neg_()
        self.sin = sin.to(device)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._fill()
        return self

    def forward(self, positions: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and signed sin for positions: a slice, or int64 [B, T] → [B, T, 1, head_size]."""
        return self.cos[positions], self.sin[positions]


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate x [B, T, heads, head_size] by tables from `Rotary`, in x's dtype."""
    swapped = x.roll(x.size(-1) // 2, -1)
    return torch.addcmul(x * cos.to(x.dtype), swapped, sin.to(x.dtype))
