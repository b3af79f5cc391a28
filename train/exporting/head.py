"""A task's own layers in the exported folder: they have other names in the classes of transformers."""

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


def rename_head(weights: Path, layers: Mapping[str, str]) -> None:
    """Give layers in a file of weights other names.

    Args:
        layers: old names and new ones; what has the same name already is left.
    """
    changed = {old: new for old, new in layers.items() if old != new}
    if not changed:
        return
    state = load_file(weights)
    for name in [name for name in state if name.rpartition(".")[0] in changed]:
        layer, _, kind = name.rpartition(".")
        state[f"{changed[layer]}.{kind}"] = state.pop(name)
    save_file(state, weights, metadata={"format": "pt"})
