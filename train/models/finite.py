"""Whether numbers are numbers."""

from collections.abc import Iterable

import torch
from torch import Tensor


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no element is NaN or infinite. Needs no memory of the tensors' size, as `isfinite` does: smallest and
    largest element are NaN where any is."""
    ends = [end for tensor in tensors if tensor.numel() for end in tensor.detach().aminmax()]
    return not ends or bool(torch.stack(ends).isfinite().all())
