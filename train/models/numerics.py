"""In which types a strategy computes, for what predicts memory."""

from dataclasses import dataclass

FP32, BF16 = 4, 2
"""Bytes per number."""
QUANTIZED = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes per weight of 4 bits: besides those, 8 for the largest of each 64, 32 for the largest of 256 of those."""


@dataclass(frozen=True)
class Numerics:
    """Bytes per element."""

    compute: int
    """Of what linear layers read and write."""
    residual: int
    """Of what flows between blocks; under autocast the embeddings, and so the sums, stay fp32."""
    autocast: bool
    """Whether each linear layer makes a copy of its own of its input, and of its fp32 weight."""
    on_gpu: bool
