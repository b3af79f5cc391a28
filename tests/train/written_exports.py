"""Exported folders of small models with random weights."""

from pathlib import Path
from pydoc_data.topics import topics
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from tokenizers import pre_tokenizers, trainers

from data_prep.tokenizing.byte_bpe import byte_level_bpe
from pipeline.config.models.decoder import DecoderConfig
from pipeline.store.artifacts import write_json
from train.models import build_model, family

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


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


def trained_tokenizer(pattern: str | None) -> "PreTrainedTokenizerFast":
    """Byte-level BPE that is trained anew, with a pattern of `pipeline/text/text_splitting.py` or GPT-2's."""
    from transformers import PreTrainedTokenizerFast

    backend = byte_level_bpe({}, [], pattern)
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator([topics["strings"], "我想在工作 我想在工作 " * 9, "ที่ที่ " * 9], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>", pad_token="<|pad|>")
    made.add_special_tokens({"extra_special_tokens": ["<|user|>", "<|end|>"]})
    return made
