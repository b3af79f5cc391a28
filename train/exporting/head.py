"""A model with a task's own layers in the exported folder: classes of transformers have other names."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file

from train.models import ConfigFields

_HEADS = ("LMHeadModel", "ForCausalLM", "ForMaskedLM", "ForPreTraining", "ForConditionalGeneration")
"""How the names of classes end that have the base model's own head."""


def class_with_head(fields: ConfigFields, head: str) -> str:
    """The class of transformers for the same body with another head.

    Args:
        fields: of the base model's config.json.
        head: how the class's name ends.
    """
    base: str = fields["architectures"][0]
    for ending in _HEADS:
        base = base.removesuffix(ending)
    return base + head


def rename(weights: Path, prefixes: Mapping[str, str] | None) -> None:
    """Give parameters in a file of weights other names.

    Args:
        prefixes: what old names begin with, and what they begin with then.
    """
    if not prefixes:
        return
    state = load_file(weights)
    for name in list(state):
        for old, new in prefixes.items():
            if name.startswith(old):
                state[new + name.removeprefix(old)] = state.pop(name)
                break
    save_file(state, weights, metadata={"format": "pt"})
