"""Orders in which a weight may lie in a CPU's memory, and which of them products of few rows read fastest.

A token of one text needs each weight once, so its time is that in which memory gives them; where several texts are
continued at once, a part of the weight stays in the core's cache while the rows are multiplied. What is fastest was
measured (`make bench ARGS=generation`, docs/benchmarks.md) and is not the same on all processors.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from train.products import linear_by_onednn, onednn_is_faster, packed

BLOCK = 256
"""Outputs of a block, at most: of so many the weights stay in a core's cache while the rows are multiplied."""
REGISTER = 16
"""A block is as wide as whole registers of so many numbers."""
MANY_ROWS = 64
"""From so many on, as prompts have, a product is worth a copy of the weight in another order."""


class WeightOrder:
    """As it is given: [out, in], in any strides."""

    def __init__(self, weight: Tensor):
        self.kept = weight

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [..., in] → [..., out]."""
        return F.linear(x, self.kept, bias)

    def whole(self) -> Tensor:
        """The weight [out, in]."""
        return self.kept


class Blocks(WeightOrder):
    """Blocks of outputs [blocks, in, outputs of a block], the last one filled up with zeros."""

    def __init__(self, weight: Tensor, blocks: int):
        self._outputs = len(weight)
        width = -(-self._outputs // (blocks * REGISTER)) * REGISTER
        padded = F.pad(weight, (0, 0, 0, blocks * width - self._outputs))
        super().__init__(padded.unflatten(0, (blocks, width)).transpose(1, 2).contiguous())

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        rows = x.reshape(-1, x.size(-1))
        if onednn_is_faster() and len(rows) >= MANY_ROWS:
            return F.linear(x, self.whole(), bias)
        found = self._by_blocks(rows).view(*x.shape[:-1], -1)[..., : self._outputs]
        return found if bias is None else found + bias

    def whole(self) -> Tensor:
        return self.kept.transpose(1, 2).flatten(0, 1)[: self._outputs]

    def _by_blocks(self, x: Tensor) -> Tensor:
        """x [rows, in] → [rows, blocks × outputs of a block], of which the last may be empty."""
        blocks, _, width = self.kept.shape
        given = x.expand(blocks, -1, -1)
        if torch.is_grad_enabled():  # which products into a given tensor have none
            return torch.bmm(given, self.kept).transpose(0, 1).flatten(1)
        found = x.new_empty(len(x), blocks, width)
        torch.bmm(given, self.kept, out=found.transpose(0, 1))
        return found.flatten(1)


class Packed(WeightOrder):
    """oneDNN's own."""

    def __init__(self, weight: Tensor):
        super().__init__(packed(weight))

    def product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        if torch.is_grad_enabled():  # which oneDNN's product has none
            return F.linear(x, self.whole(), bias)
        return linear_by_onednn(x, self.kept, bias)

    def whole(self) -> Tensor:
        return self.kept.to_dense()


def for_one_text(weight: Tensor) -> WeightOrder:
    """Memory is fastest in long runs, so the longer side lies in runs: a weight [out, in] with more outputs than inputs
    is kept transposed. On processors of AMD, narrow blocks are."""
    if onednn_is_faster():
        return Blocks(weight, -(-len(weight) // REGISTER))
    outputs, inputs = weight.shape
    return WeightOrder(weight.t().contiguous().t() if outputs > inputs else weight)


def for_several_texts(order: WeightOrder) -> WeightOrder:
    """With 2 to 64 rows wide blocks are 1.2 to 1.5 times as fast as torch's own order, and with more of them about as
    fast; where oneDNN is faster, its order is 2 times as fast."""
    if onednn_is_faster():
        return Packed(order.whole())
    blocks = -(-len(order.whole()) // BLOCK)
    if blocks < torch.get_num_threads():
        return order  # some cores would have nothing to do
    return Blocks(order.whole(), blocks)
