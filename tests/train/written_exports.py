"""Exported folders of small models with random weights."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from pipeline.config.models.decoder import DecoderConfig
from pipeline.store.artifacts import write_json
from train.models import build_model, family


def write_export(folder: Path, config: DecoderConfig, vocab_size: int = 300) -> Path:
    """Weights that differ from their first values as trained ones do, config and generation config; no tokenizer."""
    torch.manual_seed(0)
    model = build_model(config, vocab_size)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2 if parameter.dim() > 1 else 1.0)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    fields = family(config).config_fields(config, vocab_size)
    assert fields is not None
    write_json(folder / "config.json", fields | {"dtype": "float32", "eos_token_id": 0})
    write_json(folder / "generation_config.json", {"eos_token_id": [0, vocab_size - 1]})
    return folder
