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

    On a CPU, in fp32, the product of a single row is as fast as memory gives the weight, which it does in runs. Where a
    vector register holds 8 numbers (AVX2), the longer side of the weight therefore lies in runs: a weight with more
    outputs than inputs is kept transposed. Where it holds 16, a single row reads blocks of outputs [out / 16, in, 16],
    made when the first such row comes, and 8 to 63 rows are multiplied as W·xᵀ, a transposed view of [out, rows].
    With more rows, as in prompts, all take the same time.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        found = [one.detach() for one in weights]
        weight = torch.cat(found) if len(found) > 1 else found[0].contiguous()
        on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
        self._wide = on_cpu and torch.backends.cpu.get_cpu_capability() != "AVX2"
        if on_cpu and not self._wide and weight.size(0) > weight.size(1):
            weight = weight.t().contiguous().t()
        self._weight = weight
        self._bias = None if bias is None else bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] → [..., sum of out]."""
        rows = x.numel() // x.size(-1)
        if not self._wide or rows >= FEW or 1 < rows < 8:
            return F.linear(x, self._weight, self._bias)
        given = x.reshape(rows, -1)
        found = self._by_blocks(given) if rows == 1 else torch.mm(self._weight, given.t()).t()
        found = found.view(*x.shape[:-1], -1)
        return found if self._bias is None else found + self._bias

    def _by_blocks(self, x: Tensor) -> Tensor:
        """x [1, in] → [1, out]."""
        blocks = self._blocks
        return torch.bmm(x.expand(len(blocks), 1, -1), blocks).view(1, -1)[:, : self._weight.size(0)]

    @cached_property
    def _blocks(self) -> Tensor:
        """The weight as [out / BLOCK, in, BLOCK], with outputs of 0 at the end where they do not come out even."""
        padded = F.pad(self._weight, (0, 0, 0, -self._weight.size(0) % BLOCK))
        return padded.unflatten(0, (-1, BLOCK)).transpose(1, 2).contiguous()
