"""Texts that a model writes while it is trained, for a person to watch it learn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.config.evaluation import DecodeConfig
from train.generation import generate
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SAMPLED = DecodeConfig(method="sample", max_new_tokens=48, temperature=0.8, top_p=0.95)


def sample_texts(
    model: LanguageModel, tokenizer: "PreTrainedTokenizerFast", prompts: Sequence[str], seed: int
) -> list[tuple[str, str]]:
    """(prompt, continuation) pairs; the same seed each time, so that what changes is the model."""
    return list(zip(prompts, generate(model, tokenizer, prompts, SAMPLED, seed), strict=True))
