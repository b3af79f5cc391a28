"""What the program asks of a model of `transformers`."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pipeline.config.models.huggingface import HuggingFaceConfig
from pipeline.config.module_protocols import as_protocol
from train.models.experts import is_expert_stack, share_per_token
from train.models.family import OF_THE_FOLDER, ConfigFields, ModelFamily
from train.models.flops import training_flops
from train.models.hf.balance import balance_factor
from train.models.hf.checkpoint import from_config, read_config
from train.models.hf.head_names import names_of_head
from train.models.hf.model import TransformersModel
from train.models.hf.plain_head import seems_plain
from train.models.lm_head import head_bytes
from train.models.numerics import FP32, Numerics

HEAD = "score.model."
"""What stands before the names of an architecture's own head for labels."""


class ReadingModule(Protocol):
    """A module of this folder for one way of reading."""

    Model: type[TransformersModel]


class HuggingFaceFamily(ModelFamily):
    can_recompute = True
    parameter_prefix = "model."

    def build(self, config: HuggingFaceConfig, vocab_size: int) -> TransformersModel:
        """By the module that is called as the model reads."""
        module = as_protocol(importlib.import_module(f"train.models.hf.{config.reading}"), ReadingModule)
        return module.Model(config, vocab_size)

    def without_weights(self, config: HuggingFaceConfig, vocab_size: int) -> HuggingFaceConfig:
        if config.path is None:
            return config
        fields = read_config(config, vocab_size).to_dict()
        for name in OF_THE_FOLDER:
            fields.pop(name, None)
        return config.model_copy(update={"path": None, "config": fields})

    def flops_per_token(self, config: HuggingFaceConfig, vocab_size: int, length: int) -> float | None:
        if config.reading == "encoder_decoder":  # whose parts read texts of different length
            return None
        matrices, attention = _sizes(config, vocab_size)
        return training_flops(matrices, attention, length)

    def activation_bytes(
        self, config: HuggingFaceConfig, length: int, numerics: Numerics, recompute: int, masked: bool
    ) -> int | None:
        """Korthikanti et al.'s (2022) 34 bytes per token and channel in 16 bits, less the scores that fused kernels
        don't keep."""
        if config.reading == "encoder_decoder":
            return None
        text = read_config(config, 1).get_text_config()
        layers, block = text.num_hidden_layers, 17 * numerics.compute * text.hidden_size
        held = layers * numerics.residual * text.hidden_size + block if recompute else layers * block
        if masked:
            copies = 1 if recompute else layers  # each layer's kernel makes one of the boolean mask
            held += length * (1 + numerics.compute * copies)
        return held

    def loss_bytes(self, config: HuggingFaceConfig, vocab_size: int, tokens: int, numerics: Numerics) -> int:
        """As of our own models where the loss is made in chunks; else the logits of the whole micro-batch, and their
        log-softmax and gradient in fp32."""
        settings = read_config(config, vocab_size)
        text = settings.get_text_config()
        if seems_plain(text) and not balance_factor(config, settings):
            return head_bytes(text.hidden_size, vocab_size, tokens, numerics)
        return tokens * vocab_size * (numerics.compute + 2 * FP32)

    def check_segments(self, model: TransformersModel) -> None:
        model.check_segments()

    def names_in(self, config: HuggingFaceConfig, auto_class: str) -> Mapping[str, str] | None:
        # More tokens than any special one's id; the models that are asked have no memory.
        return names_of_head(read_config(config, 2**20), config.reading, auto_class)

    def config_fields(self, config: HuggingFaceConfig, vocab_size: int) -> ConfigFields:
        return read_config(config, vocab_size).to_dict()

    def export(
        self,
        model: TransformersModel,
        weights: Path,
        folder: Path,
        vocab_size: int,
        ids: dict[str, int | None],
    ) -> ConfigFields:
        settings = model.model.config
        if settings.architectures is None:
            settings.architectures = [type(model.model).__name__]
        state = load_file(weights)
        if any(not name.startswith("model.") for name in state):  # with a task's own layers
            named = {name.removeprefix(HEAD).removeprefix("model."): tensor for name, tensor in state.items()}
            save_file(named, folder / weights.name, metadata={"format": "pt"})
            settings.save_pretrained(folder)
        else:
            model.model.save_pretrained(folder)
        fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if fields.get("pad_token_id") is not None and model.config.reading == "bidirectional":
            ids = {**ids, "pad_token_id": fields["pad_token_id"]}  # RoBERTa counts positions from it
        return fields | ids


def _sizes(config: HuggingFaceConfig, vocab_size: int) -> tuple[float, int]:
    """Weights of matrix products, and layers × heads × head size, of a model made without memory."""
    settings = read_config(config, vocab_size)
    with torch.device("meta"):
        model = from_config(settings, config.reading, pairs=config.pair_head)
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


FAMILY = HuggingFaceFamily()
