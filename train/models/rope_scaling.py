"""The frequencies of rotary positions that are stretched for longer texts, as transformers computes them."""

import math

import torch
from torch import Tensor

from pipeline.config.models.rope_scaling import RopeScalingConfig


def scaled_frequencies(
    frequencies: Tensor, theta: float, scaling: RopeScalingConfig, context: int
) -> tuple[Tensor, float]:
    """Angle per position of each pair of channels, and what the rotated vectors are multiplied with.

    Args:
        frequencies: theta^(-2i/d) for the d/2 pairs, fp32 [d/2].
        context: tokens that the model reads now.
    """
    original = scaling.original_context(context)
    match scaling.rope_type:
        case "linear":
            return frequencies / scaling.factor, 1.0
        case "llama3":
            return _llama3(frequencies, scaling, original), 1.0
        case "yarn":
            sharpness = scaling.attention_factor
            if sharpness is None:
                sharpness = 0.1 * math.log(scaling.factor) + 1.0
            return _yarn(frequencies, theta, scaling, original), sharpness


def _yarn(frequencies: Tensor, theta: float, scaling: RopeScalingConfig, original: int) -> Tensor:
    """Peng et al. (2023, "YaRN", section 3.2): a ramp over the pairs, between those that turn `beta_fast` times within
    the original context and those that turn `beta_slow` times."""
    pairs = frequencies.numel()

    def pair_that_turns(times: float) -> float:
        return 2 * pairs * math.log(original / (times * 2 * math.pi)) / (2 * math.log(theta))

    low = max(math.floor(pair_that_turns(scaling.beta_fast)), 0)
    high = min(math.ceil(pair_that_turns(scaling.beta_slow)), 2 * pairs - 1)
    width = high - low or 0.001  # a step, where both are the same pair
    slowed = ((torch.arange(pairs, dtype=torch.float32, device="cpu") - low) / width).clamp_(0, 1)
    return frequencies / scaling.factor * slowed + frequencies * (1 - slowed)


def _llama3(frequencies: Tensor, scaling: RopeScalingConfig, original: int) -> Tensor:
    """Llama Team (2024, "The Llama 3 Herd of Models"), as in Meta's code: by the turns within the original context."""
    turns = original * frequencies / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return frequencies / scaling.factor * (1 - kept) + frequencies * kept
