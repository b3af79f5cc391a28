"""Fine-tuning examples as token ids, with labels where the loss counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from train.data.batches import PADDING, Batch
from train.data.shared_rows import PackedExamples, SharedRows, row_width
from train.finetuning.chat import PromptFormat
from train.finetuning.data import Example
from train.finetuning.fitting import cut_middle, prompt_room
from train.finetuning.label_rows import LabelledText
from train.finetuning.labels import LabelSet
from train.finetuning.text_ids import Text, encode_texts, pad_id
from train.models import IGNORE_INDEX

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class ResponseExamples:
    """Prompts with responses, drawn by index: see `train.data.batches.Examples`."""

    input_ids: list[np.ndarray]
    labels: list[np.ndarray]
    """The token after each of `input_ids` where the loss counts, else `IGNORE_INDEX`."""
    pad_id: int
    context: int
    """Batches are padded to at most this length."""
    cut_prompts: int
    """Examples whose prompt lost its middle."""
    cut_responses: int
    """Examples whose response was too long beside its prompt, and lost its end."""

    def __len__(self) -> int:
        return len(self.input_ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._all_target_counts[indices]

    @cached_property
    def _all_target_counts(self) -> np.ndarray:
        return np.array([int((row != IGNORE_INDEX).sum()) for row in self.labels])

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and labels, int64 [B, T]."""
        return {
            "input_ids": pad_rows(self.input_ids, indices, self.pad_id, self.context),
            "labels": pad_rows(self.labels, indices, IGNORE_INDEX, self.context),
        }

    def with_labels(self, labels: list[np.ndarray]) -> Self:
        """The same with others in the places of the labels."""
        return replace(self, labels=labels)

    def packed(self) -> PackedExamples:
        """The same in batches of which several share a row."""

        def labels(indices: np.ndarray, rows: SharedRows) -> Batch:
            return {"labels": rows.lay([self.labels[index] for index in indices], IGNORE_INDEX)}

        return PackedExamples(self, self.input_ids, self.pad_id, self.context, labels)


@dataclass(frozen=True)
class LabelExamples:
    """Texts or pairs of texts with labels, drawn by index: see `train.data.batches.Examples`."""

    labels_by_token: ClassVar[bool] = False

    input_ids: list[np.ndarray]
    targets: np.ndarray
    """Of each example, as `LabelSet.targets` gives them."""
    pad_id: int
    context: int
    cut_texts: int
    """Texts that lost their end."""
    token_types: list[np.ndarray] | None = None
    """As of `TextIds`."""

    def __len__(self) -> int:
        return len(self.input_ids)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.ones(len(indices), dtype=np.int64)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids, int64 [B, T]; lengths, int64 [B]; labels, as the targets; of pairs token_types, int64 [B, T].

        A row that does not count has labels that are `IGNORE_INDEX`, or, of fractions, no number.
        """
        labels = self.targets[indices]
        labels[indices == PADDING] = IGNORE_INDEX if labels.ndim == 1 else np.nan
        batch = {
            "input_ids": pad_rows(self.input_ids, indices, self.pad_id, self.context),
            "lengths": row_lengths(self.input_ids, indices),
            "labels": torch.from_numpy(labels),
        }
        if self.token_types is not None:
            batch["token_types"] = pad_rows(self.token_types, indices, 0, self.context)
        return batch

    def packed(self) -> PackedExamples:
        """The same in batches of which several share a row: then `rows` (int64 [B]) says which, and `lengths` where in
        it each text ends."""

        def others(indices: np.ndarray, rows: SharedRows) -> Batch:
            values = {"rows": rows.rows, "lengths": rows.ends, "labels": self.targets[indices]}
            batch = {name: torch.from_numpy(array) for name, array in values.items()}
            if self.token_types is not None:
                batch["token_types"] = rows.lay([self.token_types[index] for index in indices], 0)
            return batch

        return PackedExamples(self, self.input_ids, self.pad_id, self.context, others)


def row_lengths(rows: list[np.ndarray], indices: np.ndarray) -> Tensor:
    """How many tokens the chosen rows have before they are padded, int64 [B]; 1 where there is no row."""
    return torch.tensor([1 if index == PADDING else len(rows[index]) for index in indices])


def pad_rows(rows: list[np.ndarray], indices: np.ndarray, value: int, context: int) -> Tensor:
    """The chosen rows, padded at the right to one length, int64 [B, T]."""
    longest = max((len(rows[i]) for i in indices if i != PADDING), default=1)
    width = row_width(longest, context)
    padded = np.full((len(indices), width), value, dtype=np.int64)
    for number, index in enumerate(indices):
        if index != PADDING:
            padded[number, : len(rows[index])] = rows[index]
    return torch.from_numpy(padded)


def encode_responses(examples: list[Example], form: PromptFormat, max_length: int) -> ResponseExamples:
    """Prompts with their first target, the loss on the target and the token that ends it.

    At most `max_length` tokens are read per example: a prompt gives way to the response as far as it is more than half
    of them, and then the response loses its end.
    """
    prompts = form.prompt_ids(e.source for e in examples)
    responses = form.response_ids((e.source, e.targets[0]) for e in examples)
    input_ids: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    cut_prompts = cut_responses = 0
    for prompt, response in zip(prompts, responses, strict=True):
        limit = max_length + 1  # the last token is predicted but never read
        kept = cut_middle(prompt, prompt_room(limit, len(response)))
        cut_prompts += len(kept) < len(prompt)
        cut_responses += len(kept) + len(response) > limit
        ids = np.array((kept + response)[:limit], dtype=np.int32)
        input_ids.append(ids[:-1])
        labels.append(ids[1:].copy())
        labels[-1][: len(kept) - 1] = IGNORE_INDEX
    return ResponseExamples(input_ids, labels, pad_id(form.tokenizer), max_length, cut_prompts, cut_responses)


def encode_labels(
    examples: Sequence[LabelledText],
    labels: LabelSet,
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
) -> LabelExamples:
    """Texts in their frame (`text_ids.py`), with what is learnt of them; a longer text loses its end.

    Raises:
        UserError: as `LabelSet.targets`.
    """
    numbers = labels.targets(examples)
    texts: list[Text] = [example.texts for example in examples]
    encoded = encode_texts(texts, tokenizer, max_length)
    return LabelExamples(
        encoded.input_ids, numbers, pad_id(tokenizer), max_length, encoded.cut, encoded.token_types
    )
