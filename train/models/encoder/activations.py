"""What one micro-batch leaves in memory between the forward and the backward pass, by formula.

The accounting is that of `train/models/decoder/activations.py`, applied to the operations of our encoders.
"""

from pipeline.config.models.encoder import EncoderConfig
from train.models.numerics import FP32, Numerics
from train.models.recomputation import count_in_full, count_recomputed


def bytes_per_token(
    config: EncoderConfig, length: int, numerics: Numerics, recompute: int, masked: bool
) -> int:
    """See `ModelFamily.activation_bytes`."""
    block = _block(config, numerics)
    layers = range(config.layers)
    held = count_recomputed(layers, recompute) * numerics.residual * config.hidden
    held += count_in_full(layers, recompute) * block
    ends = 2 * numerics.residual * config.hidden
    backward = 3 * numerics.compute * config.mlp_width + 2 * numerics.residual * config.hidden
    is_windowed = config.layout == "modernbert" and length > config.window // 2 + 1
    # Added to the scores, and what it is made from; that of a window is one for all rows of a batch.
    mask = (numerics.compute + 1) * length * (1 + is_windowed) if masked else 0
    return held + ends + backward + mask


def _block(config: EncoderConfig, numerics: Numerics) -> int:
    """Bytes per token of one block."""
    e, h, m = numerics.compute, config.hidden, config.mlp_width
    bert = config.layout == "bert"
    # What the linear layers after a norm read: theirs together, or under autocast a copy for each.
    readers = (3 if bert else 1) + 1 if numerics.autocast else 2
    total = 2 * numerics.residual * h + readers * e * h  # the inputs of two norms
    total += 4 * e * h + FP32 * config.heads  # attention: q, k, v, output, log of the sums
    if not bert:
        total += 2 * e * h  # queries and keys before their rotation
    total += (2 if bert else 4) * e * m
    if config.dropout:
        total += 2 * h  # masks
    return total
