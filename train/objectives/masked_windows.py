"""Windows of a stream of tokens, some of which are hidden."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch

from train.data.batches import PADDING, Batch, StreamExamples, Tokens, windows_over
from train.data.sequences import check_sequences
from train.models import IGNORE_INDEX
from train.objectives.masking import Masker

Frame = tuple[int, int]
"""What stands before and behind a sequence: the ids of [CLS] and [SEP]."""


@runtime_checkable
class MaskedExamples(StreamExamples, Protocol):
    """Examples of a stream with hidden tokens, which can be had without any hidden."""

    def unmasked(self, index: int) -> Batch:
        """An example before anything is hidden, as a batch of one: what the model reads of it, without labels."""


class MaskedSequences:
    """Consecutive windows with as many places predicted in each: see `train.data.batches.Examples`."""

    def __init__(self, stream: Tokens, length: int, masker: Masker, frame: Frame | None, *, apart: bool):
        """
        Args:
            length: tokens of an example, its frame included.
            apart: whether documents that share an example are read as if each stood alone.

        Raises:
            UserError: where the stream is too short for one.
        """
        self._stream, self._masker, self._frame, self._apart = stream, masker, frame, apart
        self._size = length - (0 if frame is None else 2)
        self._labels = masker.count(self._size)
        self._count = len(stream) // self._size if self._size > 0 else 0
        check_sequences(stream.name, len(stream), self._count, length)

    def __len__(self) -> int:
        return self._count

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """As many in each; only a window with hardly any ordinary tokens has fewer."""
        return np.minimum(self._masker.ordinary[self._read(indices)].sum(1), self._labels)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids, int64 [B, T]; places and labels, int64 [B, K]; where documents are kept apart, segments [B, T]."""
        ids = self._framed(self._read(indices))
        places = self._masker.places(ids, samples, self._labels)
        labels = np.take_along_axis(ids, places, 1)
        labels[~self._masker.ordinary[labels]] = IGNORE_INDEX
        labels[indices == PADDING] = IGNORE_INDEX
        batch = {"input_ids": self._masker.hide(ids, places, samples), "places": places, "labels": labels}
        if self._apart:
            batch["segments"] = self._segments(ids)
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        return windows_over(start, stop, self._size, self._size, self._count)

    def unmasked(self, index: int) -> Batch:
        ids = self._framed(self._read(np.array([index])))
        batch = {"input_ids": ids, "segments": self._segments(ids)} if self._apart else {"input_ids": ids}
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def _framed(self, text: np.ndarray) -> np.ndarray:
        if self._frame is None:
            return text
        ids = np.pad(text, ((0, 0), (1, 1)))
        ids[:, 0], ids[:, -1] = self._frame
        return ids

    def _read(self, indices: np.ndarray) -> np.ndarray:
        """The windows' own tokens, int64 [B, size]."""
        return self._stream.read_rows(np.maximum(indices, 0) * self._size, self._size)

    def _segments(self, ids: np.ndarray) -> np.ndarray:
        """Where each token's document starts: behind the eos that closes the one before. The frame belongs to the first
        document and the last."""
        begins = np.zeros(ids.shape, bool)
        begins[:, 1:] = ids[:, :-1] == self._stream.eos_id
        if self._frame is not None:
            begins[:, [0, 1, -1]] = False
        return np.maximum.accumulate(np.where(begins, np.arange(ids.shape[1]), 0), axis=1)
