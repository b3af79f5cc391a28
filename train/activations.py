"""What one micro-batch leaves in memory between the forward and the backward pass, by formula.

The accounting is that of Korthikanti et al. (2022, "Reducing Activation Recomputation in Large Transformer Models",
section 4.1), who sum over a layer's operations what each must keep for its gradient, applied to the operations of our
layouts: the fused attention kernels keep queries, keys, values and output but no scores, GPT-2's MLP keeps two tensors
of its inner width and SwiGLU four, and dropout is mostly absent.
"""

from dataclasses import dataclass

from pipeline.config.model import DecoderConfig, HuggingFaceConfig, LSTMConfig, ModelConfig
from train.models.lm_head import CPU_CHUNK, GPU_CHUNK

FP32, BF16 = 4, 2


@dataclass(frozen=True)
class Numerics:
    """In which types a strategy computes, in bytes per element."""

    compute: int
    """Of what linear layers read and write."""
    residual: int
    """Of what flows between blocks; under autocast the embeddings, and so the sums, stay fp32."""
    autocast: bool
    """Whether each linear layer makes a copy of its own of its input, and of its fp32 weight."""
    on_gpu: bool


def activation_bytes(
    config: ModelConfig, rows: int, length: int, numerics: Numerics, recompute: bool, masked: bool = False
) -> int:
    """Bytes that autograd holds at the end of the forward pass of `rows` sequences, without the loss's.

    With `recompute` (activation checkpointing) a block keeps its input, and one block is held in full at a time. The
    temporaries of one block's backward pass are counted too. `masked` is for documents kept apart by a mask.
    """
    mask = 0  # per token
    match config:
        case DecoderConfig():
            block = _decoder_block(config, numerics)
            kept = numerics.residual * config.hidden if recompute else block
            held = config.layers * kept + (block if recompute else 0)
            ends = _norm(config.layout, config.hidden, numerics) + numerics.residual * config.hidden
            backward = 3 * numerics.compute * config.mlp_width + 2 * numerics.residual * config.hidden
            per_token = held + ends + backward
            if masked:
                mask = (numerics.compute + 1) * length  # added to the scores, and what it is made from
                mask += _expanded(config, numerics) * (1 if recompute else config.layers)
        case LSTMConfig():
            # Four gates, cell, its tanh and the output, per layer; then dropout's result and the projection's.
            per_token = numerics.compute * (7 * config.hidden * config.layers + 2 * config.hidden)
            per_token += numerics.compute * 3 * config.embedding
        case HuggingFaceConfig():
            per_token = _transformers(config, numerics, recompute)
            if masked:
                copies = (
                    1 if recompute else _layers(config)
                )  # each layer's kernel makes one of the boolean mask
                mask = length * (1 + numerics.compute * copies)
    return rows * length * (per_token + mask)


def _expanded(config: DecoderConfig, numerics: Numerics) -> int:
    """Bytes per token that grouped keys and values take beyond their own, which attention with a mask repeats."""
    return 2 * numerics.compute * (config.heads - config.key_value_heads) * config.head_width


def _decoder_block(config: DecoderConfig, numerics: Numerics) -> int:
    """Bytes per token of one block."""
    e, h, m = numerics.compute, config.hidden, config.mlp_width
    query, shared = config.heads * config.head_width, config.key_value_heads * config.head_width
    gpt2 = config.layout == "gpt2"
    # What the linear layers after a norm read: theirs together, or under autocast a copy for each.
    readers = (1 + 1 if gpt2 else 3 + 2) if numerics.autocast else 2
    total = 2 * _norm(config.layout, h, numerics) + readers * e * h
    total += e * (2 * query + 2 * shared) + FP32 * config.heads  # attention: q, k, v, output, log of the sums
    total += (2 if gpt2 else 4) * e * m
    if config.layout == "qwen3":
        total += _norm(config.layout, query + shared, numerics)
    if config.dropout:
        total += 2 * h  # masks
    return total


def _norm(layout: str, size: int, numerics: Numerics) -> int:
    """A norm keeps its input; RMSNorm on a CPU, which has no fused kernel, the normalized one besides, both fp32."""
    if layout != "gpt2" and not numerics.on_gpu:
        return 2 * FP32 * size
    return numerics.residual * size


def _layers(config: HuggingFaceConfig) -> int:
    from train.models.huggingface import read_config

    return read_config(config, 1).get_text_config().num_hidden_layers


def _transformers(config: HuggingFaceConfig, numerics: Numerics, recompute: bool) -> int:
    """Korthikanti et al.'s 34 bytes per token and channel in 16 bits, less the scores that fused kernels don't keep."""
    from train.models.huggingface import read_config

    text = read_config(config, 1).get_text_config()
    block = 17 * numerics.compute * text.hidden_size
    if recompute:
        return (text.num_hidden_layers * numerics.residual * text.hidden_size) + block
    return text.num_hidden_layers * block


def loss_bytes(config: ModelConfig, vocab_size: int, rows: int, length: int, numerics: Numerics) -> int:
    """Bytes of the output matrix's products and the cross-entropy at their peak.

    Our models make gradients a chunk of tokens at a time (`train/models/lm_head.py`): a chunk's logits, the gradient
    of the matrix in fp32, what it is cast to, and the gradient of the hidden states. Models of transformers make the
    logits of the whole micro-batch, and their log-softmax and gradient in fp32.
    """
    tokens = rows * length
    if isinstance(config, HuggingFaceConfig):
        return tokens * vocab_size * (numerics.compute + 2 * FP32)
    width = config.embedding if isinstance(config, LSTMConfig) else config.hidden
    chunk = min(tokens, max(1, (GPU_CHUNK if numerics.on_gpu else CPU_CHUNK) // vocab_size))
    mixed = numerics.compute != FP32
    logits = chunk * vocab_size * (FP32 + (numerics.compute if mixed else 0))
    matrix = vocab_size * width
    # The gradient in fp32; in the backward pass, its product with the incoming one, or before that a chunk's share.
    gradient = matrix * (FP32 + (2 * numerics.compute if mixed else FP32))
    return logits + gradient + tokens * width * numerics.residual
