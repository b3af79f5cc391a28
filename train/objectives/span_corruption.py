"""Span corruption (Raffel et al., 2020, "Exploring the Limits of Transfer Learning", section 3.1.4): pieces of a text
are missing, each has a token of its own in its place, a sentinel, and the decoder writes what is missing behind each.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pipeline.config.data import DataConfig
from pipeline.config.evaluation import DecodeConfig
from pipeline.config.objectives.span_corruption import SpanCorruptionConfig
from pipeline.config.tokenizers.base import SENTINEL
from pipeline.errors import UserError
from train.checkpoints.final_model import load_model
from train.data.batches import Tokens
from train.exporting.card import Card
from train.exporting.trained_seq2seq import TrainedSeq2Seq
from train.exporting.usage import fill_gaps
from train.generation.gaps import Gaps
from train.generation.samples import Sampler
from train.objectives.objective import HeldOutScore, Objective
from train.objectives.spans import SpanWindows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CARD = Card(
    "An encoder–decoder that writes what is missing from a text.",
    "span-corruption",
    fill_gaps,
    pipeline_tag="text2text-generation",
    notes=(
        "It is pretrained, and of use when it is fine-tuned. What is missing from a text, a sentinel stands for "
        "(`<extra_id_0>`, `<extra_id_1>`, …); the model writes each sentinel and what belongs in its place.",
    ),
)


class SpanCorruption(Objective):
    score: ClassVar[HeldOutScore] = HeldOutScore(
        "span_loss",
        "Loss per missing token",
        "{:.3f} nats per token of the targets (no perplexity of the text)",
    )

    def __init__(self, config: SpanCorruptionConfig, tokenizer: "PreTrainedTokenizerFast", seed: int):
        super().__init__(config, tokenizer, seed)
        vocabulary = tokenizer.get_vocab()
        names = takewhile(lambda name: name in vocabulary, map(SENTINEL.format, count()))
        self._spans, self._sentinels = config, np.array([vocabulary[name] for name in names], np.int64)

    def check_length(self, length: int) -> None:
        """Raises: UserError: where the tokenizer has fewer sentinels than such windows have spans."""
        needed, found = self._spans.lengths(length).spans, len(self._sentinels)
        if found < needed:
            raise UserError(
                f"objective.name=span_corruption needs {needed} sentinels ({SENTINEL.format(0)}, …) for sequences of "
                f"{length:,} tokens, and the tokenizer has {found or 'none'}; set tokenizer.sentinels={needed}, of a "
                "pretrained tokenizer name them in tokenizer.special_tokens"
            )

    def examples(self, stream: Tokens, data: DataConfig, length: int) -> SpanWindows:
        self.check_length(length)
        return SpanWindows(stream, self._spans.lengths(length), self._sentinels, self.seed)

    @cached_property
    def _gaps(self) -> Gaps:
        return Gaps(self.tokenizer, self._sentinels.tolist())

    def encode_prompt(self, prompt: str) -> list[int]:
        return self._gaps.encode(prompt)

    def read_as_text(self, prompt: str) -> list[str]:
        """The texts around the gaps."""
        return self._gaps.split(prompt)[0]

    def sampler(self, prompts: Sequence[str], decode: DecodeConfig, seed: int) -> Sampler:
        """Prompts with their gaps filled; one without a sentinel is gone on with."""
        return lambda model: self._gaps.fill(model, prompts, decode, seed)

    def trained_model(self, artifact: Path) -> TrainedSeq2Seq:
        return TrainedSeq2Seq(artifact, load_model(artifact), self.tokenizer, CARD)


def build(config: SpanCorruptionConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> SpanCorruption:
    return SpanCorruption(config, tokenizer, seed)
