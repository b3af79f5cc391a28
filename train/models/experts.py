"""The experts of a mixture among a model's parameters: stacks of matrices, of which each token passes a few."""

from typing import TYPE_CHECKING

from torch import Size, nn

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_CHOSEN = ("num_experts_per_tok", "moe_topk", "moe_top_k", "top_k_experts")
"""What the architectures of `transformers` call the number of experts that each token passes."""


def is_expert_stack(owner: nn.Module, path: str, shape: Size) -> bool:
    """Whether a parameter holds one matrix for each expert, [experts, rows, columns].

    Args:
        owner: the module that the parameter is of.
        path: the owner's name within the model.
        shape: the whole parameter's, where this rank holds a part.
    """
    return len(shape) == 3 and min(shape[1:]) > 1 and "expert" in f"{path}.{type(owner).__name__}".lower()


def share_per_token(path: str, shape: Size, settings: "PretrainedConfig") -> float:
    """Which share of an expert stack's weights a token is multiplied with; all of it where the config does not say."""
    if "shared" in path:
        return 1.0
    chosen = next((getattr(settings, name) for name in _CHOSEN if getattr(settings, name, None)), shape[0])
    if isinstance(chosen, list):  # one number for each layer
        chosen = sum(chosen) / len(chosen)
    return min(1.0, chosen / shape[0])
