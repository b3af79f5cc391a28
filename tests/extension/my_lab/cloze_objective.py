"""The objective itself: other tokens are hidden each time that a sequence is seen."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from my_lab.cloze import ClozeConfig

from pipeline.config.data import DataConfig
from pipeline.errors import UserError
from train.checkpoints.final_model import load_model
from train.data.batches import PADDING, Batch, Tokens
from train.data.sequences import check_sequences
from train.exporting.card import Card
from train.exporting.trained_model import TrainedModel
from train.exporting.usage import load_with_this_project
from train.models import IGNORE_INDEX
from train.objectives import HeldOutScore, Objective
from train.objectives.draws import generator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CARD = Card("A model that fills gaps in a text.", "cloze", load_with_this_project, pipeline_tag="fill-mask")


class ClozeWindows:
    """Consecutive windows of a stream of tokens, with as many tokens hidden in each."""

    def __init__(self, stream: Tokens, length: int, hidden: int, mask_id: int, seed: int):
        self._stream, self._length, self._hidden, self._mask_id, self._seed = (
            stream,
            length,
            hidden,
            mask_id,
            seed,
        )
        self._count = len(stream) // length
        check_sequences(stream.name, len(stream), self._count, length)

    def __len__(self) -> int:
        return self._count

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.full(len(indices), self._hidden)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        inputs = np.stack([self._stream.read(max(int(i), 0) * self._length, self._length) for i in indices])
        labels = np.full_like(inputs, IGNORE_INDEX)
        for row, (index, sample) in enumerate(zip(indices, samples, strict=True)):
            if index != PADDING:
                places = generator(self._seed, int(sample)).permutation(self._length)[: self._hidden]
                labels[row, places] = inputs[row, places]
                inputs[row, places] = self._mask_id
        return {"input_ids": torch.from_numpy(inputs), "labels": torch.from_numpy(labels)}


class TrainedCloze(TrainedModel):
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    writes: ClassVar[bool] = False


class Cloze(Objective):
    score: ClassVar[HeldOutScore] = HeldOutScore(
        "cloze_loss", "Loss per hidden token", "{:.3f} nats a hidden token"
    )

    def examples(self, stream: Tokens, data: DataConfig, length: int) -> ClozeWindows:
        hidden = max(1, round(self.config.share * length))
        mask_id = self.tokenizer.convert_tokens_to_ids(self.config.mask_token)
        return ClozeWindows(stream, length, hidden, mask_id, self.seed)

    def trained_model(self, artifact: Path) -> TrainedCloze:
        return TrainedCloze(artifact, load_model(artifact), self.tokenizer, CARD)


def build(config: ClozeConfig, tokenizer: "PreTrainedTokenizerFast", seed: int) -> Cloze:
    if config.mask_token not in tokenizer.get_vocab():
        raise UserError(
            f"objective.mask_token={config.mask_token!r} is no token of the tokenizer; "
            "name it among tokenizer.special_tokens"
        )
    return Cloze(config, tokenizer, seed)
