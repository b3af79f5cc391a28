"""What a strategy needs of a rank's memory, as Rajbhandari et al. (2020, "ZeRO", section 3) count it."""

from dataclasses import dataclass

from train.models.numerics import BF16, FP32, QUANTIZED
from train.models.sizes import ModelSizes


@dataclass(frozen=True)
class StrategyMemory:
    """Bytes of one rank."""

    parameters: int
    gradients: int
    optimizer: int
    """Its states, and the fp32 master copy of the parameters where there is one."""
    buffers: int
    """Parameters gathered to compute with, buckets to communicate in, casts."""
    host: int = 0
    """In the host's memory, of a rank that trains on a GPU with offloading."""
    step: int = 0
    """What is needed for a while when the optimizer steps."""
    autocast: bool = False
    """Whether with bf16 the weights stay fp32 and each layer casts what it reads, so that sums stay fp32 too."""


def replicated(sizes: ModelSizes, state_bytes: int, bf16: bool) -> StrategyMemory:
    """Where every rank holds everything. Gradients are views into DDP's buckets, and take nothing more."""
    # Autocast casts each matrix once per forward pass and keeps it for the backward pass.
    casts = BF16 * sizes.matrices if bf16 else 0
    # Weights of 4 bits are unpacked one matrix at a time.
    unpacked = FP32 * sizes.largest if sizes.quantized else 0
    weights = FP32 * (sizes.parameters - sizes.quantized) + round(QUANTIZED * sizes.quantized)
    return StrategyMemory(weights, FP32 * sizes.trained, state_bytes, casts + unpacked, autocast=bf16)
