"""Linear maps of a model that only writes from now on: several products in one, each in the order that is quickest."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16
"""Outputs that lie side by side for one row of input: as many as a vector register holds."""
FEW = 64
"""From so many rows of input on a product is as fast as the core computes, in whatever order."""


class FixedLinear(nn.Module):
    """One product in place of several linear maps with the same input, without gradients.

    On a CPU, in fp32, a product of few rows is made otherwise than by `F.linear`. A single row is as fast as memory
    gives the weight, which it does in runs: blocks of outputs [out / 16, in, 16], made when the first such row comes.
    These are the quickest for up to 63 rows, too, where a vector register holds 8 numbers (AVX2: 0.9 to 1.5 times
    W·xᵀ, 1.0 to 1.8 times x·Wᵀ); where it holds 16, W·xᵀ is, from 8 rows on, as a transposed view of [out, rows].
    With more rows, as in prompts, all take the same time.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        found = [one.detach() for one in weights]
        self._weight = torch.cat(found) if len(found) > 1 else found[0].contiguous()
        self._bias = None if bias is None else bias.detach()
        self._on_cpu = self._weight.device.type == "cpu" and self._weight.dtype == torch.float32
        self._narrow = torch.backends.cpu.get_cpu_capability() == "AVX2"

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] → [..., sum of out]."""
        rows = x.numel() // x.size(-1)
        if not self._on_cpu or rows >= FEW or (1 < rows < 8 and not self._narrow):
            return F.linear(x, self._weight, self._bias)
        given = x.reshape(rows, -1)
        found = self._by_blocks(given) if rows == 1 or self._narrow else torch.mm(self._weight, given.t()).t()
        found = found.view(*x.shape[:-1], -1)
        return found if self._bias is None else found + self._bias

    def _by_blocks(self, x: Tensor) -> Tensor:
        """x [rows, in] → [rows, out]."""
        blocks = self._blocks
        found = torch.bmm(x.expand(blocks.size(0), -1, -1), blocks)
        return found.transpose(0, 1).reshape(x.size(0), -1)[:, : self._weight.size(0)]

    @cached_property
    def _blocks(self) -> Tensor:
        """The weight as [out / BLOCK, in, BLOCK], with outputs of 0 at the end where they do not come out even."""
        padded = F.pad(self._weight, (0, 0, 0, -self._weight.size(0) % BLOCK))
        return padded.unflatten(0, (-1, BLOCK)).transpose(1, 2).contiguous()
