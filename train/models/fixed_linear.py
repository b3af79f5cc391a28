"""Linear maps of a model that only writes from now on: their weights laid out in memory for reading alone."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCK = 16
"""Outputs that lie side by side for one row of input: as many as a vector register holds."""
ROWS = 32
"""For how many rows of input oneDNN is asked to order a weight; what it chooses is best for more of them, too."""
PREPARED = (
    torch.backends.mkl.is_available()
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
)


class FixedLinear(nn.Module):
    """One product in place of several linear maps with the same input, without gradients.

    On a CPU, in fp32, the weight [out, in] is kept twice. Several rows of input are multiplied by oneDNN, which has
    ordered the weight once, where `F.linear` would do so at each call. A single row is as fast as memory gives the
    weight, which it does in runs: blocks of outputs [out / 16, in, 16], made when the first such row comes.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        weight = torch.cat([one.detach() for one in weights])
        self._outputs = weight.size(0)
        self._bias = None if bias is None else bias.detach()
        self._is_prepared = PREPARED and weight.device.type == "cpu" and weight.dtype == torch.float32
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS) if self._is_prepared else weight

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] → [..., sum of out]."""
        if not self._is_prepared:
            return F.linear(x, self._weight, self._bias)
        if x.numel() > x.size(-1):
            return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        blocks = self._blocks
        found = torch.bmm(x.reshape(1, 1, -1).expand(blocks.size(0), 1, -1), blocks).view(-1)
        found = found[: self._outputs].view(*x.shape[:-1], -1)
        return found if self._bias is None else found + self._bias

    @cached_property
    def _blocks(self) -> Tensor:
        """The weight as [out / BLOCK, in, BLOCK], with outputs of 0 at the end where they do not come out even."""
        weight = self._weight.to_dense()
        padded = F.pad(weight, (0, 0, 0, -self._outputs % BLOCK))
        return padded.unflatten(0, (-1, BLOCK)).transpose(1, 2).contiguous()
