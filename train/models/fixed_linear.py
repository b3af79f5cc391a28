"""Linear maps of a model that only writes from now on: several products in one, each in the order that is quickest."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.products import linear_by_onednn, onednn_is_faster, packed

BLOCK = 256
"""Outputs of a block, at most: of so many the weights stay in a core's cache while the rows are multiplied."""
REGISTER = 16
"""A block is as wide as whole registers of so many numbers."""


class FixedLinear(nn.Module):
    """One product in place of several linear maps with the same input, without gradients.

    On a CPU, in fp32, the weight lies as its products read it fastest. One text at a time is as fast as memory gives
    the weight, which it does in long runs, so its longer side lies in runs: a weight with more outputs than inputs is
    kept transposed. The first time that several texts are continued at once it is laid out anew, and stays so: there
    are never two copies. The new order is oneDNN's where that is the fastest (`train/products.py`), else blocks of
    outputs [blocks, in, outputs of a block]. With 2 to 64 rows blocks are 1.2 to 1.5 times as fast as torch's own
    order, and with more of them, as in prompts, about as fast (`make bench ARGS=generation`, docs/benchmarks.md).
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        found = [one.detach() for one in weights]
        weight = torch.cat(found) if len(found) > 1 else found[0].contiguous()
        self._outputs, inputs = weight.shape
        self._on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
        if self._on_cpu and self._outputs > inputs:
            weight = weight.t().contiguous().t()
        self._weight = weight
        self._bias = None if bias is None else bias.detach()

    @property
    def _is_blocked(self) -> bool:
        return self._weight.dim() == 3

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] → [..., sum of out]."""
        if self._on_cpu and not (self._is_blocked or self._weight.is_mkldnn) and _continues_several(x):
            self._lay_out_for_several()
        if self._weight.is_mkldnn:
            if torch.is_grad_enabled():  # which oneDNN's product has none
                return F.linear(x, self._weight.to_dense(), self._bias)
            return linear_by_onednn(x, self._weight, self._bias)
        if not self._is_blocked:
            return F.linear(x, self._weight, self._bias)
        found = self._by_blocks(x.reshape(-1, x.size(-1))).view(*x.shape[:-1], -1)[..., : self._outputs]
        return found if self._bias is None else found + self._bias

    def _lay_out_for_several(self) -> None:
        if onednn_is_faster():
            self._weight = packed(self._weight)
            return
        count = -(-self._outputs // BLOCK)
        if count < torch.get_num_threads():
            return  # some cores would have nothing to do
        width = -(-self._outputs // (count * REGISTER)) * REGISTER
        padded = F.pad(self._weight, (0, 0, 0, count * width - self._outputs))
        self._weight = padded.unflatten(0, (count, width)).transpose(1, 2).contiguous()

    def _by_blocks(self, x: Tensor) -> Tensor:
        """x [rows, in] → [rows, blocks × outputs of a block], of which the last may be empty."""
        count, _, width = self._weight.shape
        given = x.expand(count, -1, -1)
        if torch.is_grad_enabled():  # which products into a given tensor have none
            return torch.bmm(given, self._weight).transpose(0, 1).flatten(1)
        found = x.new_empty(len(x), count, width)
        torch.bmm(given, self._weight, out=found.transpose(0, 1))
        return found.flatten(1)


def _continues_several(x: Tensor) -> bool:
    """Whether these are single tokens of several texts: [B, 1, in] or [B, in]."""
    return x.size(0) > 1 and x.numel() == x.size(0) * x.size(-1)
