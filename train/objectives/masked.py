"""Masked language modelling: hidden tokens of a text are predicted from all others (Devlin et al., 2019)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import nn
from torch.nn import functional as F

from pipeline.config.data import DataConfig
from pipeline.config.evaluation import DecodeConfig
from pipeline.config.objectives.masked import MaskedConfig
from pipeline.errors import UserError
from train.checkpoints.final_model import load_model
from train.data.batches import Batch, Tokens
from train.exporting.card import Card
from train.exporting.trained_model import TrainedModel
from train.exporting.usage import fill_a_mask
from train.generation.samples import Sampler
from train.models import IGNORE_INDEX, FigureSum, LossSum, MaskedLanguageModel
from train.models.pairs import with_pairs
from train.objectives.filling import check_prompts, fill_masks
from train.objectives.masked_windows import Frame, MaskedExamples, MaskedSequences
from train.objectives.masking import Masker
from train.objectives.objective import HeldOutScore, Objective
from train.objectives.sentence_pairs import PairRules, SentencePairs
from train.objectives.sentence_starts import SentenceStarts
from train.objectives.word_starts import word_starts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAIR_FIGURES = {
    "pair_loss": HeldOutScore("pair_loss", "Loss per pair of texts", "{:.3f} nats a pair"),
    "pair_accuracy": HeldOutScore(
        "pair_accuracy", "Pairs judged rightly", "{:.1f}% of the pairs", "higher", scale=100
    ),
}


class TrainedMaskedModel(TrainedModel):
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    writes: ClassVar[bool] = False


class TrainedPairModel(TrainedMaskedModel):
    auto_class: ClassVar[str] = "AutoModelForPreTraining"
    output: ClassVar[str] = "prediction_logits"


class Masked(Objective):
    evaluation: ClassVar[str] = "eval.objectives.masked"
    score: ClassVar[HeldOutScore] = HeldOutScore(
        "masked_loss", "Loss per masked token", "{:.3f} nats a masked token"
    )
    figures: Mapping[str, HeldOutScore] = {
        "accuracy": HeldOutScore("masked_accuracy", "Masked tokens found", "{:.1f}%", "higher", scale=100)
    }

    def __init__(self, config: MaskedConfig, tokenizer: "PreTrainedTokenizerFast", seed: int, masker: Masker):
        super().__init__(config, tokenizer, seed)
        self.masker, self._pairs, self._is_framed = masker, config.pairs, config.frame is not False
        if config.pairs is not None:
            self.figures = {**self.figures, **PAIR_FIGURES}

    @property
    def frame(self) -> Frame | None:
        """The tokens around each sequence."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        if not self._is_framed or not isinstance(start, int) or not isinstance(end, int):
            return None
        return start, end

    @cached_property
    def _pair_rules(self) -> PairRules | None:
        kind, frame, padding = self._pairs, self.frame, self.tokenizer.pad_token_id
        if kind is None or frame is None:
            return None
        starts = SentenceStarts.of(self.tokenizer, len(self.tokenizer))
        return PairRules(kind, starts, frame, padding if isinstance(padding, int) else frame[1])

    def examples(self, stream: Tokens, data: DataConfig, length: int) -> MaskedExamples:
        if self._pair_rules is not None:
            return SentencePairs(stream, length, self.masker, self._pair_rules)
        return MaskedSequences(stream, length, self.masker, self.frame, apart=data.packing == "mask")

    def example_losses(self, model: nn.Module, batch: Batch) -> list[LossSum]:
        inputs = {name: tensor for name, tensor in batch.items() if name not in ("labels", "pairs")}
        logits, labels = model(**inputs).float(), batch["labels"]
        losses = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORE_INDEX, reduction="none")
        counts = (labels != IGNORE_INDEX).sum(1)
        right = (logits.argmax(-1) == labels).sum(1)
        found = [
            LossSum(total, count, figures={"accuracy": FigureSum(hits, count)})
            for total, count, hits in zip(losses.sum(1), counts, right, strict=True)
        ]
        if "pairs" not in batch:
            return found
        read = ("input_ids", "lengths", "token_types")
        assert isinstance(model, MaskedLanguageModel)
        judged = model.judge(**{name: batch[name] for name in read})
        rows = zip(found, judged[:, None], batch["pairs"][:, None], labels[:, None], strict=True)
        return [with_pairs(*row) for row in rows]

    def sampler(self, prompts: Sequence[str], decode: DecodeConfig, seed: int) -> Sampler | None:
        """The likeliest tokens for each mask of the prompts that hold one."""
        with_masks = check_prompts(prompts, self.tokenizer)
        if not with_masks:
            return None
        return lambda model: fill_masks(model, self.tokenizer, with_masks)

    def trained_model(self, artifact: Path) -> TrainedModel:
        card = Card(
            "A masked language model, which fills gaps in text and is a base for fine-tuning.",
            "lm-workflow",
            fill_a_mask(str(self.tokenizer.mask_token)),
            pipeline_tag="fill-mask",
        )
        kind = TrainedMaskedModel if self._pairs is None else TrainedPairModel
        return kind(artifact, load_model(artifact), self.tokenizer, card)


def build(config: MaskedConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Masked:
    mask_id = tokenizer.mask_token_id
    if not isinstance(mask_id, int):
        raise UserError(
            "objective=masked needs a tokenizer with a mask token, and this one has none; set tokenizer.mask_token "
            "(tokenizer=bert has it), or name a pretrained tokenizer that has one"
        )
    framing = "objective.frame=true" if config.frame else config.pairs and f"objective.pairs={config.pairs}"
    if framing and not (isinstance(tokenizer.cls_token_id, int) and isinstance(tokenizer.sep_token_id, int)):
        raise UserError(
            f"{framing} needs a tokenizer with tokens for a text's start and end, and this one has not both; "
            "set tokenizer.cls_token and tokenizer.sep_token, or leave it out"
        )
    size = len(tokenizer)
    ordinary = np.ones(size, bool)
    ordinary[[id for id in tokenizer.all_special_ids if id < size]] = False
    added: dict[int, Any] = tokenizer.added_tokens_decoder
    ordinary[[id for id, token in added.items() if token.special and id < size]] = False
    starts = np.ones(size, bool) if config.unit == "token" else word_starts(tokenizer, size)
    return Masked(config, tokenizer, seed, Masker(config, seed, mask_id, ordinary, starts))
