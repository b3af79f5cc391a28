"""What one micro-batch leaves in memory between the forward and the backward pass, by formula.

The accounting is that of `train/models/decoder/activations.py`. Attention with positions that are learned keeps its
scores on a CPU, whose fused kernel makes no gradient of what is added to them; a GPU's does. Attention to the source
has nothing added, and keeps none.
"""

from pipeline.config.models.encoder_decoder import EncoderDecoderConfig
from train.models.numerics import FP32, Numerics
from train.models.recomputation import count_in_full, count_recomputed


def bytes_per_source_token(
    config: EncoderDecoderConfig, source: int, target: int, numerics: Numerics, recompute: int
) -> int:
    """Of a text of `source` tokens, for which `target` are written; see `ModelFamily.activation_bytes`."""
    encoder = _block(config, numerics, source)
    decoder = _block(config, numerics, target) + _crossing(config, numerics)
    # Keys and values of the source, in each block of the decoder, and what they are made of.
    shared = 2 * numerics.compute * config.heads * config.head_width
    shared += numerics.compute * config.hidden if numerics.autocast else 0
    stream = numerics.residual * config.hidden
    rows = ((source, config.layers, encoder), (target, config.decoder_depth, decoder))
    held = source * shared * (config.decoder_depth - count_recomputed(range(config.decoder_depth), recompute))
    for tokens, depth, block in rows:
        blocks = range(depth)
        held += tokens * count_recomputed(blocks, recompute) * stream
        held += tokens * count_in_full(blocks, recompute) * block
        held += tokens * (_norm(config, numerics) + stream)
        held += numerics.compute * config.heads * tokens**2  # the positions' biases
    # Of one block's backward pass.
    held += max(source, target) * (3 * numerics.compute * config.mlp_width + 2 * stream)
    return held // source


def _block(config: EncoderDecoderConfig, numerics: Numerics, length: int) -> int:
    """Bytes per token of attention to the own text, and of the MLP."""
    e, h, m, heads = numerics.compute, config.hidden, config.mlp_width, config.heads
    inner = heads * config.head_width
    readers = (3 + (2 if config.gated else 1)) if numerics.autocast else 2
    total = 2 * _norm(config, numerics) + readers * e * h + 4 * e * inner
    total += FP32 * heads if numerics.on_gpu else e * heads * length
    total += (4 if config.gated else 1) * e * m
    if config.dropout:
        total += 2 * h  # masks
    return total


def _crossing(config: EncoderDecoderConfig, numerics: Numerics) -> int:
    """Bytes per token of attention to the source, beside its keys and values."""
    inner = config.heads * config.head_width
    total = _norm(config, numerics) + numerics.compute * (config.hidden + 2 * inner) + FP32 * config.heads
    return total + (config.hidden if config.dropout else 0)


def _norm(config: EncoderDecoderConfig, numerics: Numerics) -> int:
    """RMSNorm keeps its input, on a CPU also the normalized one, both in fp32."""
    return (numerics.residual if numerics.on_gpu else 2 * FP32) * config.hidden
