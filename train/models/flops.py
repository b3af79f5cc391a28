"""Floating-point operations of training, for throughput as a share of the hardware's peak (MFU)."""


def training_flops(matrices: float, attention: int, length: int) -> float:
    """FLOPs of forward and backward pass per token: 6 N + 12 × layers × heads × head size × length.

    Chowdhery et al. (2022, "PaLM", appendix B), after Kaplan et al. (2020). N counts the weights of matrix products:
    the output matrix is in, also when tied; the embeddings' look-up is not, nor are norms and biases. Attention counts
    whole rows, although a causal kernel does half of them, and recomputation under activation checkpointing does not
    count, as in PaLM. Of a layer whose tokens see a window, two windows count, of which likewise half is seen. Of a
    mixture of experts those count that a token passes; of a state-space model the projections, not the scan.

    Args:
        matrices: N.
        attention: layers × heads × head size; 0 for a model without attention.
        length: tokens of a sequence. Where layers differ in what they see, that of all of them together, and
            `attention` is of one.
    """
    return 6.0 * matrices + 12.0 * attention * length
