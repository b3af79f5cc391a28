"""Whether the load-balancing loss of a mixture of experts (Fedus et al., 2021, "Switch Transformers") is asked for."""

from typing import TYPE_CHECKING

from pipeline.config.models.huggingface import HuggingFaceConfig

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_FACTORS = ("router_aux_loss_coef", "aux_loss_coef")
"""What the architectures of `transformers` call the factor of this loss."""


def balance_factor(config: HuggingFaceConfig, settings: "PretrainedConfig") -> float:
    """The factor with which the loss is trained on; 0 where it is not asked for.

    It is asked for by `output_router_logits`, as everywhere in transformers, or by naming the factor in
    `model.config`: who sets it means to use it.
    """
    text = settings.get_text_config()
    named = "output_router_logits" not in config.config and any(name in config.config for name in _FACTORS)
    if not (named or getattr(text, "output_router_logits", False)):
        return 0.0
    return float(next((getattr(text, name) for name in _FACTORS if hasattr(text, name)), 0.0))
