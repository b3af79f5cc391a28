"""Floating-point operations of training, for throughput as a share of the hardware's peak (MFU)."""

import torch
from torch import nn

from pipeline.config.model import DecoderConfig, HuggingFaceConfig, LSTMConfig, ModelConfig


def flops_per_token(config: ModelConfig, vocab_size: int, sequence_length: int) -> float:
    """FLOPs of forward and backward pass per token: 6 N + 12 × layers × heads × head size × length.

    Chowdhery et al. (2022, "PaLM", appendix B), after Kaplan et al. (2020). N counts the weights of
    matrix products: the output matrix is in, also when tied; the embeddings' look-up is not, nor
    are norms and biases. Attention counts whole rows, although a causal kernel does half of
    them, and recomputation under activation checkpointing does not count, as in PaLM. Of a mixture of experts those
    count that a token passes; of a state-space model the projections, not the scan.
    """
    match config:
        case DecoderConfig():
            matrices = config.layers * _block_weights(config) + config.hidden * vocab_size
            attention = config.layers * config.heads * config.head_width
        case LSTMConfig():
            # Four gates, each of the input and of the previous output.
            inputs = [config.embedding] + [config.hidden] * (config.layers - 1)
            matrices = sum(4 * config.hidden * (size + config.hidden) for size in inputs)
            matrices += config.hidden * config.embedding + config.embedding * vocab_size
            attention = 0
        case HuggingFaceConfig():
            matrices, attention = _transformers_sizes(config, vocab_size)
    return 6.0 * matrices + 12.0 * attention * sequence_length


def _block_weights(config: DecoderConfig) -> int:
    query = config.heads * config.head_width
    shared = config.key_value_heads * config.head_width
    mlp_matrices = 2 if config.layout == "gpt2" else 3
    return config.hidden * (2 * query + 2 * shared + mlp_matrices * config.mlp_width)


def _transformers_sizes(config: HuggingFaceConfig, vocab_size: int) -> tuple[float, int]:
    """Weights of matrix products, and layers × heads × head size, of a model made without memory."""
    from transformers import AutoModelForCausalLM

    from train.models.experts import is_expert_stack, share_per_token
    from train.models.huggingface import read_config

    settings = read_config(config, vocab_size)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings)
    text = settings.get_text_config()
    matrices, seen = 0.0, {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    output = model.get_output_embeddings()
    if output is not None and output.weight in seen:
        matrices += output.weight.numel()
    for path, owner in model.named_modules():
        for parameter in owner.parameters(recurse=False):
            if parameter in seen:
                continue
            seen.add(parameter)
            if is_expert_stack(owner, path, parameter.shape):
                matrices += parameter.numel() * share_per_token(path, parameter.shape, text)
            elif parameter.ndim >= 2:
                matrices += parameter.numel()
    heads = getattr(text, "num_attention_heads", 0)
    head_size = getattr(text, "head_dim", None) or (text.hidden_size // heads if heads else 0)
    return matrices, text.num_hidden_layers * heads * head_size
