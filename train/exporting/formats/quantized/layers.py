"""Layers whose weights are kept in few bits, computed by torch's kernels for CPUs."""

import warnings

import torch
from torch import Tensor, nn

from train.exporting.formats.quantized.rounding import restore_rows, unpack


class DynamicInt8Linear(nn.Module):
    """x · Wᵀ + b in int8: the kernel rounds x by its own range, whatever rows it is given together."""

    def __init__(self, stored: dict[str, Tensor], bias: Tensor | None):
        super().__init__()
        zeros = torch.zeros(len(stored["scale"]), dtype=torch.long)
        with warnings.catch_warnings(action="ignore"):  # one day torch will have no such tensors any more
            weight = torch._make_per_channel_quantized_tensor(
                stored["int8"], stored["scale"].double(), zeros, 0
            )
        self.packed = torch.ops.quantized.linear_prepack(weight, bias)

    def forward(self, x: Tensor) -> Tensor:
        # With a bit less for x no sum overflows on CPUs without VNNI.
        return torch.ops.quantized.linear_dynamic(x, self.packed, True)


class Int8Linear(nn.Module):
    """x · Wᵀ + b with int8 weights and x in bf16."""

    def __init__(self, stored: dict[str, Tensor], bias: Tensor | None):
        super().__init__()
        # A copy: what is read from a file begins anywhere in memory, and this kernel crashes where it is not aligned.
        self.weight, self.scale, self.bias = stored["int8"].clone(), stored["scale"].bfloat16(), bias

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2).bfloat16()
        product = torch._weight_int8pack_mm(rows, self.weight, self.scale).float()
        return (product if self.bias is None else product + self.bias).unflatten(0, x.shape[:-1])


class Int4Linear(nn.Module):
    """x · Wᵀ + b with weights of 4 bits and x in bf16."""

    def __init__(self, stored: dict[str, Tensor], bias: Tensor | None):
        super().__init__()
        values = unpack(stored["int4"])
        self.group = values.size(1) // stored["scale_offset"].size(0)
        self.packed = torch._convert_weight_to_int4pack_for_cpu(values, 1)
        self.scale_offset, self.bias = stored["scale_offset"].clone(), bias

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2).bfloat16()
        product = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, self.packed, self.group, self.scale_offset)
        product = product.float()
        return (product if self.bias is None else product + self.bias).unflatten(0, x.shape[:-1])


class Int8Embedding(nn.Module):
    """Rows of a table in int8."""

    def __init__(self, stored: dict[str, Tensor]):
        super().__init__()
        self.weight, self.scale = stored["int8"], stored["scale"]

    def forward(self, ids: Tensor) -> Tensor:
        return restore_rows(self.weight[ids], self.scale[ids])
