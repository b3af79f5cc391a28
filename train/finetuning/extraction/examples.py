"""Questions with their texts as token ids, in windows where a text is long, and where in each the answer stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import torch

from pipeline.formats.control_tokens import ControlTokens
from train.data.batches import PADDING, Batch
from train.data.shared_rows import PackedExamples, SharedRows
from train.finetuning.examples import pad_rows, row_lengths
from train.finetuning.extraction.rows import Question
from train.finetuning.text_ids import Frame, pad_id
from train.models import IGNORE_INDEX

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_ANSWER = 0
"""The place of a window that stands for no answer, its first token: [CLS], where the tokenizer has it."""


class Window(NamedTuple):
    """A question with a part of its text, as the model reads them."""

    question: int
    ids: np.ndarray
    """int32 [T], with the tokens around two texts."""
    first: int
    """Place of the first token of the text."""
    spans: np.ndarray
    """Of the text's tokens, where in the text they begin and end, in characters; int64 [tokens, 2]."""
    null: int
    """Place of the token that stands for no answer: the first, or of a model that reads from left to right the last,
    which alone has seen all."""

    @property
    def token_types(self) -> np.ndarray:
        """1 from the text on, int32 [T]."""
        return (np.arange(len(self.ids)) >= self.first).astype(np.int32)

    def places(self, start: int, end: int) -> tuple[int, int]:
        """The places of the tokens in which characters [start, end) of the text begin and end; twice that of no answer
        where not all of them are in the window."""
        held = np.flatnonzero((self.spans[:, 0] < end) & (self.spans[:, 1] > start))
        if not len(held) or self.spans[held[0], 0] > start or self.spans[held[-1], 1] < end:
            return self.null, self.null
        return self.first + int(held[0]), self.first + int(held[-1])


@dataclass(frozen=True)
class Windows:
    """What `cut_windows` makes of questions."""

    windows: list[Window]
    cut_contexts: int
    """Questions whose text has several windows."""
    cut_questions: int
    """Questions that lost their end, since half of a window is for the text."""


def cut_windows(
    questions: Sequence[Question],
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
    stride: int,
    *,
    reads_both_sides: bool,
) -> Windows:
    """The question first and then its text, so that a model that reads from left to right knows what is asked.

    Args:
        max_length: of a window in tokens.
        stride: tokens that two windows of a text share; a half of what a window has of it at most.
    """
    frame, control = Frame.of(tokenizer), ControlTokens.of(tokenizer)
    closing = frame.after if reads_both_sides else (frame.after or frame.between)
    asked = control.encode_texts([question.source for question in questions])
    texts = list(dict.fromkeys(question.context for question in questions))  # many ask about the same
    encoded = dict(zip(texts, control.encode_located(texts), strict=True))
    free = max_length - len(frame.before) - len(frame.between) - len(closing)
    found: list[Window] = []
    cut_contexts = cut_questions = 0
    for number, (question, query) in enumerate(zip(questions, asked, strict=True)):
        ids, offsets = encoded[question.context]
        spans = np.array([_trim(question.context, *pair) for pair in offsets], dtype=np.int64).reshape(-1, 2)
        kept = query[: max(free // 2, 1)]
        cut_questions += len(kept) < len(query)
        head = [*frame.before, *kept, *frame.between]
        room = max(max_length - len(head) - len(closing), 1)
        step = room - min(stride, room // 2)
        starts = range(0, max(len(ids) - room, 0) + step, step)
        cut_contexts += len(starts) > 1
        for start in starts:
            part = ids[start : start + room]
            row = np.array([*head, *part, *closing], dtype=np.int32)
            null = NO_ANSWER if reads_both_sides else len(row) - 1
            found.append(Window(number, row, len(head), spans[start : start + room], null))
    return Windows(found, cut_contexts, cut_questions)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """A token's characters without the white space before them, which answers begin after."""
    while start < end and text[start].isspace():
        start += 1
    return start, end


@dataclass(frozen=True)
class SpanExamples:
    """Windows with the places of their answers, drawn by index: see `train.data.batches.Examples`."""

    labels_by_token: ClassVar[bool] = False

    windows: list[Window]
    labels: np.ndarray
    """Of each window the places of the answer's first and last token, int64 [N, 2]."""
    pad_id: int
    context: int

    def __len__(self) -> int:
        return len(self.windows)

    @cached_property
    def input_ids(self) -> list[np.ndarray]:
        return [window.ids for window in self.windows]

    @cached_property
    def _token_types(self) -> list[np.ndarray]:
        return [window.token_types for window in self.windows]

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.ones(len(indices), dtype=np.int64)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and token_types, int64 [B, T]; lengths, int64 [B]; labels, int64 [B, 2]."""
        labels = np.where(indices[:, None] == PADDING, IGNORE_INDEX, self.labels[indices])
        return {
            "input_ids": pad_rows(self.input_ids, indices, self.pad_id, self.context),
            "token_types": pad_rows(self._token_types, indices, 0, self.context),
            "lengths": row_lengths(self.input_ids, indices),
            "labels": torch.from_numpy(labels),
        }

    def packed(self) -> PackedExamples:
        """The same in batches of which several share a row: then `rows` (int64 [B]) says which, and `lengths` where in
        it each window ends."""

        def others(indices: np.ndarray, rows: SharedRows) -> Batch:
            values = {"rows": rows.rows, "lengths": rows.ends, "labels": self.labels[indices]}
            batch = {name: torch.from_numpy(array) for name, array in values.items()}
            return batch | {"token_types": rows.lay([self._token_types[index] for index in indices], 0)}

        return PackedExamples(self, self.input_ids, self.pad_id, self.context, others)


def as_examples(
    windows: Sequence[Window],
    questions: Sequence[Question],
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
) -> SpanExamples:
    """Of several answers the first is learnt; a window without it has no answer."""
    labels = []
    for window in windows:
        question = questions[window.question]
        if question.targets:
            start = question.starts[0]
            labels.append(window.places(start, start + len(question.targets[0])))
        else:
            labels.append((window.null, window.null))
    places = np.array(labels, dtype=np.int64).reshape(-1, 2)
    return SpanExamples(list(windows), places, pad_id(tokenizer), max_length)
