"""Examples with what a teacher said of them beside."""

from collections.abc import Callable

import numpy as np
import torch

from train.data.batches import PADDING, Batch, Examples
from train.distillation.stored import StoredTargets
from train.models import IGNORE_INDEX

TOKENS, LOG_PROBS = "teacher_tokens", "teacher_log_probs"
"""What a batch holds of the teacher: int32 [B, T, k] and fp16 [B, T, k + 1]; zeros where no label counts."""

Places = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Gives the places in the store of a batch's labels [B, T], with the indices and sample numbers that it was made for;
negative where none counts."""


class TaughtExamples:
    """See `Examples`."""

    def __init__(self, examples: Examples, stored: StoredTargets, places: Places):
        self._examples, self._stored, self._places = examples, stored, places

    def __len__(self) -> int:
        return len(self._examples)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._examples.target_counts(indices, samples)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """With `TOKENS` and `LOG_PROBS`."""
        batch = self._examples.collate(indices, samples)
        places = self._places(indices, samples, batch["labels"].numpy())
        counted = places >= 0
        records = np.zeros(places.shape, self._stored.kind)
        records[counted] = self._stored.read(places[counted])
        tokens = records["tokens"].astype(np.int32)
        log_probs = np.ascontiguousarray(records["log_probs"])
        return batch | {TOKENS: torch.from_numpy(tokens), LOG_PROBS: torch.from_numpy(log_probs)}


def places_by_row(stored: StoredTargets) -> Places:
    """Of examples that have a row each."""

    def places(indices: np.ndarray, samples: np.ndarray, labels: np.ndarray) -> np.ndarray:
        counted = (labels != IGNORE_INDEX) & (indices != PADDING)[:, None]
        numbers = stored.bounds[np.maximum(indices, 0)][:, None] + counted.cumsum(1) - 1
        return np.where(counted, numbers, -1)

    return places


def places_as_labels(examples: Examples) -> Places:
    """Of examples that may share rows.

    Args:
        examples: the same, whose labels are the places.
    """

    def places(indices: np.ndarray, samples: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return examples.collate(indices, samples)["labels"].numpy()

    return places


def labels_as_places(labels: list[np.ndarray], stored: StoredTargets) -> list[np.ndarray]:
    """Of each label that counts its place."""
    found = []
    for row, start in zip(labels, stored.bounds[:-1], strict=True):
        counted = row != IGNORE_INDEX
        found.append(np.where(counted, start + counted.cumsum() - 1, IGNORE_INDEX))
    return found
