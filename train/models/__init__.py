"""Causal language models behind one interface; `build_model` makes the one a config names."""

from torch import nn

from pipeline.config.model import DecoderConfig, HuggingFaceConfig, LSTMConfig, ModelConfig
from train.models.interface import IGNORE_INDEX, LanguageModel, LossSum

__all__ = ["IGNORE_INDEX", "LanguageModel", "LossSum", "build_model", "count_parameters"]


def build_model(config: ModelConfig, vocab_size: int) -> LanguageModel:
    """The model of a `model` section, with fresh weights (or a checkpoint's, where one is named).

    Random numbers come from torch's global generator; seed it first.
    """
    # Each family is imported when asked for: the Hugging Face adapter loads much of transformers.
    match config:
        case DecoderConfig():
            from train.models.decoder import Decoder

            return Decoder(config, vocab_size)
        case LSTMConfig():
            from train.models.lstm import LSTM

            return LSTM(config, vocab_size)
        case HuggingFaceConfig():
            from train.models.huggingface import HuggingFaceModel

            return HuggingFaceModel(config, vocab_size)
    raise TypeError(f"{type(config).__name__} is no model section")


def count_parameters(model: nn.Module, *, trainable_only: bool = False) -> int:
    """Number of weights, shared ones counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)
