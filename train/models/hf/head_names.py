"""What the classes of `transformers` for tasks call the one layer that stands on the body, and the body itself."""

from collections.abc import Mapping

import torch
import transformers
from torch import nn
from transformers import PretrainedConfig

from pipeline.formats.architectures import Reading
from train.models.hf.checkpoint import from_config

OURS = {"AutoModelForTokenClassification": "score.", "AutoModelForQuestionAnswering": "qa_outputs."}
"""What the layer is called here."""


def names_of_head(settings: PretrainedConfig, reading: Reading, auto_class: str) -> Mapping[str, str] | None:
    """What the names of a body and a linear layer with a bias on it begin with here, and in a class of transformers.

    Returns None where there is no such class for the architecture, or it has other layers on its body.
    """
    try:
        with torch.device("meta"):
            ours = from_config(settings, reading)
            theirs = getattr(transformers, auto_class).from_config(settings, trust_remote_code=False)
    except ValueError:  # there is none
        return None
    body, prefix = theirs.base_model, f"{theirs.base_model_prefix}."
    layers = [
        (name, module)
        for name, module in theirs.named_modules()
        if not name.startswith(prefix) and module is not body and dict(module.named_parameters(recurse=False))
    ]
    if len(layers) != 1:
        return None
    name, layer = layers[0]
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        return None
    names = {OURS[auto_class]: f"{name}."}
    if ours.base_model_prefix != theirs.base_model_prefix:
        names[f"{ours.base_model_prefix}."] = prefix
    return names
