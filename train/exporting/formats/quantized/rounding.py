"""Weights rounded to 8 bits by row, or to 4 bits by group of a row."""

import torch
from torch import Tensor


def round_rows(weight: Tensor) -> dict[str, Tensor]:
    """Symmetric: q · scale, q from −127 to 127.

    Args:
        weight: fp32 [rows, columns].

    Returns int8 [rows, columns] and fp32 [rows].
    """
    scale = weight.abs().amax(1).clamp_(min=1e-12) / 127
    return {"int8": (weight / scale[:, None]).round_().to(torch.int8), "scale": scale}


def restore_rows(stored: Tensor, scale: Tensor) -> Tensor:
    """fp32 of what `round_rows` gave, or of some rows of it [..., columns]."""
    return stored.float() * scale[..., None]


def round_groups(weight: Tensor, group: int) -> dict[str, Tensor]:
    """Asymmetric: (q − 8) · scale + offset, q from 0 to 15, for each group of a row.

    Args:
        weight: fp32 [rows, columns].

    Returns two values in a byte, uint8 [rows, columns / 2], the first in the upper half; bf16 [columns / group, rows,
    2] of scales and offsets, as torch's kernel reads them.
    """
    groups = weight.unflatten(1, (-1, group))
    low, high = groups.aminmax(dim=-1)
    # In the precision in which they are kept, so that what is rounded is what is restored.
    scale = ((high - low).clamp_(min=1e-8) / 15).bfloat16()
    offset = (low + 8 * scale.float()).bfloat16()
    steps = (groups - offset.float()[..., None]) / scale.float()[..., None] + 8
    values = steps.round_().clamp_(0, 15).to(torch.uint8).flatten(1)
    packed = (values[:, ::2] << 4) | values[:, 1::2]
    return {"int4": packed, "scale_offset": torch.stack((scale.t(), offset.t()), -1).contiguous()}


def unpack(packed: Tensor) -> Tensor:
    """The values from 0 to 15, int32 [rows, columns]."""
    return torch.stack((packed >> 4, packed & 15), -1).flatten(1).to(torch.int32)
