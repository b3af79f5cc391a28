"""Products of fp32 matrices on processors for which torch chooses slow ones.

On x86 torch leaves them to MKL, and MKL takes its kernels for AVX-512 on processors of Intel alone, and on all others
those for AVX2. oneDNN, which comes with torch, asks the processor what it can do. On a Zen 5 its products are 1.5 to
2.2 times as fast, from about two million multiplications on (docs/benchmarks.md), and of the same precision.
"""

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from pipeline.machine import cpu_vendor

LEAST_ROWS, LEAST_MULTIPLICATIONS = 8, 2**21
"""Below either of them MKL is as fast: oneDNN brings the second matrix into an order of its own at each call."""

Kernel = Callable[..., Tensor | None]
"""What a kernel of torch takes; it returns None for what is left to torch's own."""

_library: Library | None = None
"""Torch takes a kernel back once its library is gone."""
_are_asked_for = True


def use_fastest_products() -> None:
    """From now on let this process make large products by oneDNN where torch's own are slow; elsewhere do nothing.

    All products of two matrices are meant, forwards and backwards, compiled or not, of our models and others.
    """
    global _library
    if _library is None and onednn_is_faster():
        _library = _replaced_kernels()


@contextmanager
def torchs_own_products() -> Generator[None]:
    """Within this, products are torch's own again, for comparisons."""
    global _are_asked_for
    _are_asked_for = False
    try:
        yield
    finally:
        _are_asked_for = True


@cache
def onednn_is_faster() -> bool:
    """Whether this is a processor of AMD with AVX-512, and torch has both libraries."""
    return (
        cpu_vendor() == "AuthenticAMD"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
    )


def linear_by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., in], weight [out, in], as it is or from `packed`, bias [out] → [..., out]. It has no gradients."""
    return torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")


def packed(weight: Tensor) -> Tensor:
    """A copy of a weight [out, in] in oneDNN's order for inputs of several rows. Only `linear_by_onednn` reads it."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)


def _replaced_kernels() -> Library:
    kernels = {"mm": _mm, "addmm": _addmm, "bmm": _bmm, "baddbmm": _baddbmm}
    written = {f"{name}.out": _into_out(kernel) for name, kernel in kernels.items()}
    library = Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*\n?.*Overriding a previously registered kernel")
        for name, kernel in (kernels | written | {"addmm_": _addmm_}).items():
            own = torch.library.get_kernel(f"aten::{name}", "CPU").call_boxed
            library.impl(name, _or_own(kernel, own), "CPU", with_keyset=True, allow_override=True)
    return library


def _or_own(kernel: Kernel, own: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(keys: Any, *tensors: Any, **options: Any) -> Tensor:
        found = kernel(*tensors, **options)
        return own(keys, *tensors, **options) if found is None else found

    return call


def _into_out(kernel: Kernel) -> Kernel:
    def write(*tensors: Tensor, out: Tensor, **options: float) -> Tensor | None:
        found = kernel(*tensors, **options)
        if found is None or found.shape != out.shape or found.dtype != out.dtype:
            return None
        return out.copy_(found)

    return write


def _is_large(a: Tensor, b: Tensor) -> bool:
    """Whether a [..., rows, n] times b [..., n, columns] is worth it, each matrix by itself."""
    return (
        _are_asked_for
        and a.dtype == b.dtype == torch.float32
        and a.size(-2) >= LEAST_ROWS
        and a.size(-2) * a.size(-1) * b.size(-1) >= LEAST_MULTIPLICATIONS
        and a.size(-1) == b.size(-2)  # else torch's own kernel says what is wrong
    )


def _mm(a: Tensor, b: Tensor) -> Tensor | None:
    return linear_by_onednn(a, b.t()) if _is_large(a, b) else None


def _bmm(a: Tensor, b: Tensor) -> Tensor | None:
    if not (_is_large(a, b) and len(a) == len(b)):
        return None
    return torch.stack([linear_by_onednn(x, y.t()) for x, y in zip(a, b, strict=True)])


def _addmm(added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor | None:
    is_bias = added.dim() == 1 and added.dtype == torch.float32 and beta == alpha == 1
    if is_bias and _is_large(a, b) and len(added) == b.size(1):
        return linear_by_onednn(a, b.t(), added)
    return _sum(added, _mm(a, b), beta, alpha)


def _addmm_(added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor | None:
    if beta != 1 or added.shape != (a.size(0), b.size(1)):
        return None
    product = _mm(a, b)
    return None if product is None else added.add_(product, alpha=alpha)


def _baddbmm(added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor | None:
    return _sum(added, _bmm(a, b), beta, alpha)


def _sum(added: Tensor, product: Tensor | None, beta: float, alpha: float) -> Tensor | None:
    if product is None or added.dtype != torch.float32:
        return None
    if alpha != 1:
        product *= alpha
    return product.add_(added, alpha=beta) if beta else product
