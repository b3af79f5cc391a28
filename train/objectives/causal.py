"""Causal language modelling: each token is predicted from those before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from pipeline.config.data import DataConfig
from pipeline.config.evaluation import DecodeConfig
from pipeline.config.objectives.causal import CausalConfig
from pipeline.errors import UserError
from train.checkpoints.final_model import load_model
from train.data.batches import Batch, Examples, Tokens
from train.data.packing import pack
from train.exporting.card import Card
from train.exporting.trained_model import TrainedModel
from train.exporting.usage import continue_a_prompt
from train.generation.generate import encode_prompts
from train.generation.samples import Sampler, sample_texts
from train.models import LossSum
from train.models.lm_head import Regularization
from train.objectives.fill_in_the_middle import NAMES, FillInTheMiddle, Sentinels, sentinels
from train.objectives.objective import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CARD = Card("A language model that continues text.", "lm-workflow", continue_a_prompt())


class Causal(Objective):
    """The text's own loss. What may be added to it, and documents that are told in another order, are of training
    alone."""

    evaluation: ClassVar[str] = "eval.objectives.perplexity"

    def __init__(self, config: CausalConfig, tokenizer: "PreTrainedTokenizerFast", seed: int):
        super().__init__(config, tokenizer, seed)
        self._fim = config.fim_rate, config.fim_spm_rate
        self._sentinels = _sentinels(tokenizer) if config.fim_rate else None
        self._regularization = (
            Regularization(config.z_loss, config.label_smoothing) if config.regularizes else None
        )

    def examples(self, stream: Tokens, data: DataConfig, length: int) -> Examples:
        examples = pack(data, stream, length)
        if self._sentinels is None:
            return examples
        return FillInTheMiddle(
            examples, self.tokenizer, self._sentinels, stream.eos_id, *self._fim, self.seed
        )

    def validation_examples(self, stream: Tokens, data: DataConfig, length: int) -> Examples:
        return pack(data, stream, length)

    def loss(self, model: nn.Module, batch: Batch) -> LossSum:
        if self._regularization is None or not torch.is_grad_enabled():
            return super().loss(model, batch)
        loss: LossSum = model(**batch, regularization=self._regularization)
        return loss

    def sampler(self, prompts: Sequence[str], decode: DecodeConfig, seed: int) -> Sampler:
        """Prompts with their continuations."""
        encoded = list(zip(prompts, encode_prompts(self.tokenizer, prompts), strict=True))
        return lambda model: sample_texts(model, self.tokenizer, encoded, seed, decode=decode)

    def trained_model(self, artifact: Path) -> TrainedModel:
        return TrainedModel(artifact, load_model(artifact), self.tokenizer, CARD)


def _sentinels(tokenizer: "PreTrainedTokenizerFast") -> Sentinels:
    found = sentinels(tokenizer)
    if found is None:
        names = " or ".join(", ".join(names) for names in NAMES)
        raise UserError(
            f"objective.fim_rate needs three tokens that the tokenizer does not have: {names}; add them to "
            "tokenizer.special_tokens, name a tokenizer that has them, or set objective.fim_rate=0"
        )
    return found


def build(config: CausalConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Causal:
    return Causal(config, tokenizer, seed)
