"""Causal language modelling: each token is predicted from those before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipeline.config.data import DataConfig
from pipeline.config.evaluation import DecodeConfig
from pipeline.config.objectives.causal import CausalConfig
from train.checkpoints.final_model import load_model
from train.data.batches import Examples, Tokens
from train.data.packing import pack
from train.exporting.card import Card
from train.exporting.trained_model import TrainedModel
from train.exporting.usage import continue_a_prompt
from train.generation.generate import encode_prompts
from train.generation.samples import Sampler, sample_texts
from train.objectives.objective import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CARD = Card("A language model that continues text.", "lm-workflow", continue_a_prompt("The "))


class Causal(Objective):
    """Nothing is drawn at random, and the loss is the text's own."""

    evaluation: ClassVar[str] = "eval.objectives.perplexity"

    def examples(self, stream: Tokens, data: DataConfig, length: int) -> Examples:
        return pack(data, stream, length)

    def sampler(self, prompts: Sequence[str], decode: DecodeConfig, seed: int) -> Sampler:
        """Prompts with their continuations."""
        encoded = list(zip(prompts, encode_prompts(self.tokenizer, prompts), strict=True))
        return lambda model: sample_texts(model, self.tokenizer, encoded, seed, decode=decode)

    def trained_model(self, artifact: Path) -> TrainedModel:
        return TrainedModel(artifact, load_model(artifact), self.tokenizer, CARD)


def build(config: CausalConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Causal:
    return Causal(config, tokenizer, seed)
