"""What one micro-batch leaves in memory between the forward and the backward pass, by formula.

The accounting is that of Korthikanti et al. (2022, "Reducing Activation Recomputation in Large Transformer Models",
section 4.1), who sum over a layer's operations what each must keep for its gradient, applied to the operations of our
layouts: the fused attention kernels keep queries, keys, values and output but no scores, GPT-2's MLP keeps two tensors
of its inner width and SwiGLU four, and dropout is mostly absent.
"""

from pipeline.config.models.decoder import DecoderConfig
from train.models.numerics import FP32, Numerics
from train.models.recomputation import count_in_full, count_recomputed


def bytes_per_token(
    config: DecoderConfig, length: int, numerics: Numerics, recompute: int, masked: bool
) -> int:
    """See `ModelFamily.activation_bytes`."""
    block = _block(config, numerics)
    layers = range(config.layers)
    held = count_recomputed(layers, recompute) * numerics.residual * config.hidden
    held += count_in_full(layers, recompute) * block
    local = {
        index: window for index, window in enumerate(config.windows) if window is not None and window < length
    }
    if local:  # a block's keys and values once more, behind the next, for each query head; and one mask
        heads = 2 * numerics.compute * (2 * config.heads - config.key_value_heads) * config.head_width
        held += heads * count_in_full(local, recompute) + (numerics.compute + 1) * 2 * min(local.values())
    ends = _norm(config.layout, config.hidden, numerics) + numerics.residual * config.hidden
    backward = 3 * numerics.compute * config.mlp_width + 2 * numerics.residual * config.hidden
    mask = 0
    if masked and (full := set(layers) - local.keys()):
        mask = (numerics.compute + 1) * length  # added to the scores, and what it is made from
        mask += _expanded(config, numerics) * count_in_full(full, recompute)
    return held + ends + backward + mask


def _expanded(config: DecoderConfig, numerics: Numerics) -> int:
    """Bytes per token that grouped keys and values take beyond their own, which attention with a mask repeats."""
    return 2 * numerics.compute * (config.heads - config.key_value_heads) * config.head_width


def _block(config: DecoderConfig, numerics: Numerics) -> int:
    """Bytes per token of one block."""
    e, h, m = numerics.compute, config.hidden, config.mlp_width
    query, shared = config.heads * config.head_width, config.key_value_heads * config.head_width
    gpt2 = config.layout == "gpt2"
    # What the linear layers after a norm read: theirs together, or under autocast a copy for each.
    readers = (1 + 1 if gpt2 else 3 + 2) if numerics.autocast else 2
    total = 2 * _norm(config.layout, h, numerics) + readers * e * h
    total += e * (2 * query + 2 * shared) + FP32 * config.heads  # attention: q, k, v, output, log of the sums
    total += (2 if gpt2 else 4) * e * m if config.experts is None else _mixture(config, numerics)
    if config.layout == "qwen3":
        total += _norm(config.layout, query + shared, numerics)
    if config.dropout:
        total += 2 * h  # masks
    return total


def _mixture(config: DecoderConfig, numerics: Numerics) -> int:
    """Bytes per token of a mixture: of each expert that it passes the input, four of the inner width and the output;
    the router's probabilities, logits and loads; and the ids and shares of what it chose."""
    e, chosen, experts = numerics.compute, config.experts_per_token, config.experts or 0
    passed = chosen * e * (2 * config.hidden + 4 * config.expert_width)
    return passed + experts * (3 * FP32 + e) + chosen * (4 * 8 + 3 * FP32)


def _norm(layout: str, size: int, numerics: Numerics) -> int:
    """A norm keeps its input; RMSNorm on a CPU, which has no fused kernel, the normalized one besides, both fp32."""
    if layout != "gpt2" and not numerics.on_gpu:
        return 2 * FP32 * size
    return numerics.residual * size
