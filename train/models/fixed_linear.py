"""Linear maps of a model that only writes from now on: several products in one, each in the order that is quickest."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.models.weight_orders import WeightOrder, for_one_text, for_several_texts


class FixedLinear(nn.Module):
    """One product in place of several linear maps with the same input, without gradients of the weights.

    On a CPU, in fp32, the weight lies as its products read it fastest: first for one text at a time, then, from the
    first time that several are continued at once, for several. There are never two copies.
    """

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None = None):
        """Args: weights: each [out, in]; their outputs stand side by side. bias: [sum of out]."""
        super().__init__()
        found = [one.detach() for one in weights]
        weight = torch.cat(found) if len(found) > 1 else found[0].contiguous()
        self._may_change = weight.device.type == "cpu" and weight.dtype == torch.float32
        self._order = for_one_text(weight) if self._may_change else WeightOrder(weight)
        self._bias = None if bias is None else bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x [texts, ..., in] → [texts, ..., sum of out]."""
        if self._may_change and len(x) > 1:
            self._order, self._may_change = for_several_texts(self._order), False
        return self._order.product(x, self._bias)
