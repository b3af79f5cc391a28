"""A folder of quantized weights as a model of transformers."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from pipeline.errors import UserError
from train.exporting.formats.quantized.layers import (
    DynamicInt8Linear,
    Int4Linear,
    Int8Embedding,
    Int8Linear,
)

SETTINGS = "quantization.json"
"""In the folder: `{"activations": …}`, how 8-bit weights are multiplied."""
WEIGHTS = "model.safetensors"


def quantizable(model: Any) -> dict[str, str]:
    """The weights that are kept in few bits, by name: whether each is of a `linear` map, a `conv1d`, which GPT-2 has in
    place of it with its matrix turned, the `embedding` of tokens, or the `output`."""
    kinds = {nn.Linear: "linear", Conv1D: "conv1d"}
    found = {
        f"{name}.weight": kind
        for name, layer in model.named_modules()
        for of, kind in kinds.items()
        if isinstance(layer, of)
    }
    names = {layer: f"{name}.weight" for name, layer in model.named_modules()}
    found[names[model.get_output_embeddings()]] = "output"
    found[names[model.get_input_embeddings()]] = "embedding"
    return found


def load_quantized(folder: str | Path) -> Any:
    """The model, in evaluation mode, for CPUs: it computes with the weights as they are stored.

    Raises:
        UserError: where the folder holds none of `export.formats` int8 or int4.
    """
    folder = Path(folder)
    if not (folder / SETTINGS).is_file():
        raise UserError(f"{folder} has no {SETTINGS}: it holds no weights of export.formats int8 or int4")
    dynamic = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["activations"] == "int8"
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=False).eval()
    state = load_file(folder / WEIGHTS)
    kinds = quantizable(model)
    embedding = next(name for name, kind in kinds.items() if kind == "embedding")
    for name, kind in kinds.items():
        owner, _, _ = name.rpartition(".")
        # A tied output has no weights of its own.
        stored = _stored(state, name) or _stored(state, embedding)
        bias = state.get(f"{owner}.bias")
        layer: nn.Module
        if kind == "embedding":
            layer = Int8Embedding(stored)
        elif "int4" in stored:
            layer = Int4Linear(stored, bias)
        else:
            layer = (DynamicInt8Linear if dynamic else Int8Linear)(stored, bias)
        model.set_submodule(owner, layer)
    plain = {name: tensor for name, tensor in state.items() if name in dict(model.named_parameters())}
    model.load_state_dict(plain, strict=False)
    return model


def _stored(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """What was stored of a weight, by the ends of the names."""
    return {
        key.removeprefix(f"{name}."): tensor for key, tensor in state.items() if key.startswith(f"{name}.")
    }
