"""Rows of a batch through several matrices, each row through its own: the products of a mixture of experts."""

import torch
from torch import Tensor
from torch.nn import functional as F


def grouped_linear(x: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    """Linear maps without bias [E, out, in] of rows [N, in] that are sorted by their map → [N, out].

    Args:
        counts: rows of each map, int64 [E]; they may be 0, and sum to N.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    # The kernel wants rows of a multiple of 16 bytes.
    fits = x.dtype == torch.bfloat16 and weight.size(1) % 8 == 0 and weight.size(2) % 8 == 0
    if x.device.type == "cuda" and fits and hasattr(F, "grouped_mm"):
        return by_kernel(x, weight, counts)
    return one_by_one(x, weight, counts)


def by_kernel(x: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    """All products in one kernel, which nobody has to wait for: the counts stay on the device."""
    return F.grouped_mm(x, weight.transpose(1, 2), offs=counts.cumsum(0).to(torch.int32))


def one_by_one(x: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    """A product for each map that has rows. One operation to torch.compile, which could not follow sizes that depend on
    the data."""
    return torch.ops.lm_workflow.grouped_linear(x, weight, counts)


@torch.library.custom_op("lm_workflow::grouped_linear", mutates_args=())
def _grouped_linear(x: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    out = x.new_empty(x.size(0), weight.size(1))
    sizes = counts.tolist()
    for part, rows, matrix in zip(out.split(sizes), x.split(sizes), weight, strict=True):
        if len(rows):
            torch.mm(rows, matrix.t(), out=part)
    return out


@_grouped_linear.register_fake
def _(x: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    return x.new_empty(x.size(0), weight.size(1))


@torch.library.custom_op("lm_workflow::grouped_linear_backward", mutates_args=())
def _grouped_linear_backward(
    grad: Tensor, x: Tensor, weight: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
    sizes = counts.tolist()
    parts = zip(grad.split(sizes), x.split(sizes), weight, grad_x.split(sizes), grad_weight, strict=True)
    for given, rows, matrix, to_rows, to_matrix in parts:
        if len(rows):
            torch.mm(given, matrix, out=to_rows)
            torch.mm(given.t(), rows, out=to_matrix)
        else:
            to_matrix.zero_()
    return grad_x, grad_weight


@_grouped_linear_backward.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(weight)


def _keep(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad_x, grad_weight = torch.ops.lm_workflow.grouped_linear_backward(grad, *ctx.saved_tensors)
    return grad_x, grad_weight, None


_grouped_linear.register_autograd(_backward, setup_context=_keep)
