"""Linear maps of a model that only writes from now on: several products in one, each in the order that is quickest."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16
"""Outputs that lie side by side for one row of input: as many as a vector register holds."""
FEW = range(8, 64)
"""For so many rows of input the product with the weight to the left is the quicker one."""


class FixedLinear(nn.Module):
    """One product in place of several linear maps with the same input, without gradients.

    On a CPU, in fp32, a product of few rows is made otherwise than by `F.linear`. A single row is as fast as memory
    gives the weight, which it does in runs: blocks of outputs [out / 16, in, 16], made when the first such row comes.
    With a few rows W·xᵀ is quicker than x·Wᵀ; the result is a transposed view of [out, rows]. With many, as in prompts,
    both take the same time, and what follows is slower on such a view.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        found = [one.detach() for one in weights]
        self._weight = torch.cat(found) if len(found) > 1 else found[0].contiguous()
        self._bias = None if bias is None else bias.detach()
        self._on_cpu = self._weight.device.type == "cpu" and self._weight.dtype == torch.float32

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] → [..., sum of out]."""
        rows = x.numel() // x.size(-1)
        if not self._on_cpu or (rows != 1 and rows not in FEW):
            return F.linear(x, self._weight, self._bias)
        found = self._of_one(x) if rows == 1 else torch.mm(self._weight, x.reshape(rows, -1).t()).t()
        found = found.view(*x.shape[:-1], -1)
        return found if self._bias is None else found + self._bias

    def _of_one(self, x: Tensor) -> Tensor:
        blocks = self._blocks
        found = torch.bmm(x.reshape(1, 1, -1).expand(blocks.size(0), 1, -1), blocks).view(-1)
        return found[: self._weight.size(0)]

    @cached_property
    def _blocks(self) -> Tensor:
        """The weight as [out / BLOCK, in, BLOCK], with outputs of 0 at the end where they do not come out even."""
        padded = F.pad(self._weight, (0, 0, 0, -self._weight.size(0) % BLOCK))
        return padded.unflatten(0, (-1, BLOCK)).transpose(1, 2).contiguous()
