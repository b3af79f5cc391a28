"""Sentences as token ids with a label at one token of each word, cut into windows where they are long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from pipeline.formats.control_tokens import ControlTokens
from train.data.batches import Batch
from train.data.shared_rows import PackedExamples, SharedRows
from train.finetuning.examples import pad_rows, row_lengths
from train.finetuning.tagging.alignment import NONE, align
from train.finetuning.tagging.sentences import TaggedSentence
from train.finetuning.text_ids import Frame, pad_id
from train.models import IGNORE_INDEX

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OVERLAP = 4
"""A window begins with the last of the window before: this part of its length, for what its first words follow."""


class Window(NamedTuple):
    """A part of a sentence as the model reads it."""

    sentence: int
    ids: np.ndarray
    """int32 [T], with the tokens around a text."""
    words: np.ndarray
    """Numbers of the words whose tags it gives, int64 [words]. Each word stands in one window of its sentence."""
    places: np.ndarray
    """Of each of them the place of the token that gives it, int64 [words]."""


@dataclass(frozen=True)
class Windows:
    """What `cut_windows` makes of sentences."""

    windows: list[Window]
    cut_sentences: int
    """Sentences of more than one window."""
    piecewise: int
    """Sentences that are encoded word by word: see `alignment.py`."""
    without_token: int
    """Words of which the tokenizer makes nothing, so that they get the tag O or the most frequent one."""


def cut_windows(
    sentences: Sequence[TaggedSentence], tokenizer: "PreTrainedTokenizerBase", max_length: int, at: str
) -> Windows:
    """Encode sentences and cut those that are longer than `max_length` tokens. No word is lost.

    Args:
        at: `first` or `last`: the token of a word that gives its tag.
    """
    frame = Frame.of(tokenizer)
    room = max_length - len(frame.before) - len(frame.after)
    aligned = align(sentences, ControlTokens.of(tokenizer))
    found: list[Window] = []
    cut = without = 0
    for number, sentence in enumerate(aligned):
        places = sentence.first if at == "first" else sentence.last
        words = np.flatnonzero(places != NONE)
        without += len(places) - len(words)
        parts = list(_parts(len(sentence.ids), room))
        cut += len(parts) > 1
        for start, new, end in parts:
            given = words[(places[words] >= new) & (places[words] < end)]
            if len(given):
                ids = np.array([*frame.before, *sentence.ids[start:end], *frame.after], dtype=np.int32)
                found.append(Window(number, ids, given, places[given] - start + len(frame.before)))
    return Windows(found, cut, sum(sentence.piecewise for sentence in aligned), without)


def _parts(tokens: int, room: int) -> Iterator[tuple[int, int, int]]:
    """Of each window its first token, the first that no window before has, and the end."""
    room = max(room, 1)
    end = 0
    while end < tokens:
        start = max(0, end - room // OVERLAP) if end else 0
        new, end = end, min(start + room, tokens)
        yield start, new, end


@dataclass(frozen=True)
class TagExamples:
    """Windows with labels, drawn by index: see `train.data.batches.Examples`."""

    labels_by_token: ClassVar[bool] = True

    windows: list[Window]
    label_ids: list[np.ndarray]
    """Of each window's words, int64 [words]."""
    pad_id: int
    context: int

    def __len__(self) -> int:
        return len(self.windows)

    @cached_property
    def input_ids(self) -> list[np.ndarray]:
        return [window.ids for window in self.windows]

    @cached_property
    def _labels(self) -> list[np.ndarray]:
        """Of each token, int64 [T]."""
        rows = []
        for window, labels in zip(self.windows, self.label_ids, strict=True):
            row = np.full(len(window.ids), IGNORE_INDEX, dtype=np.int64)
            row[window.places] = labels
            rows.append(row)
        return rows

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.array([len(window.words) for window in self.windows], dtype=np.int64)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._counts[indices]

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and labels, int64 [B, T]; lengths, int64 [B]."""
        return {
            "input_ids": pad_rows(self.input_ids, indices, self.pad_id, self.context),
            "labels": pad_rows(self._labels, indices, IGNORE_INDEX, self.context),
            "lengths": row_lengths(self.input_ids, indices),
        }

    def packed(self) -> PackedExamples:
        """The same in batches of which several share a row."""

        def labels(indices: np.ndarray, rows: SharedRows) -> Batch:
            return {"labels": rows.lay([self._labels[index] for index in indices], IGNORE_INDEX)}

        return PackedExamples(self, self.input_ids, self.pad_id, self.context, labels)


def as_examples(
    windows: Sequence[Window],
    labels: Sequence[np.ndarray],
    tokenizer: "PreTrainedTokenizerBase",
    max_length: int,
) -> TagExamples:
    """Args: labels: of each sentence's words, int64 [words]."""
    given = [labels[window.sentence][window.words] for window in windows]
    return TagExamples(list(windows), given, pad_id(tokenizer), max_length)
