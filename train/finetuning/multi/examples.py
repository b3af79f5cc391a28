"""Examples of several tasks in one batch: one set of rows that the body reads, and each task's labels for its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.batches import PADDING, Batch
from train.finetuning.training import TokenizedExamples
from train.models import IGNORE_INDEX

PLACES, LABELS = "places/", "labels/"
"""What stands before a task's name in the names of a batch's tensors."""


class HeadExamples(TokenizedExamples, Protocol):
    """Examples for a head on a body: their batches have `input_ids`, `lengths`, `labels` and perhaps `token_types`."""

    labels_by_token: ClassVar[bool]
    """Whether labels are int64 [B, T], one for each token; else they are of the whole row."""

    @property
    def pad_id(self) -> int: ...


class MultiExamples:
    """The tasks' examples, one task after the other; see `train.data.batches.Examples`. Each counts as one target."""

    def __init__(self, parts: Mapping[str, HeadExamples]):
        self.parts = parts
        self._ends = np.cumsum([len(examples) for examples in parts.values()])
        self._pad_id = next(iter(parts.values())).pad_id

    def __len__(self) -> int:
        return int(self._ends[-1])

    @cached_property
    def input_ids(self) -> list[np.ndarray]:
        return [ids for examples in self.parts.values() for ids in examples.input_ids]

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.ones(len(indices), dtype=np.int64)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and, where a task has them, token_types, int64 [B, T]; lengths, int64 [B]; as `examples` how many
        rows are no padding; of each task `places/…`, the rows that are its own, int64 [N], and `labels/…`, as its own
        batches have them.

        A task without a row in the batch has one all the same, whose label does not count: so all ranks use all heads.
        """
        rows = dict(zip(self.parts, self._rows_of_each(indices), strict=True))
        batches = {name: self._collate(name, indices[rows[name]], samples[rows[name]]) for name in self.parts}
        width = max(batch["input_ids"].size(1) for batch in batches.values())
        ids = torch.full((len(indices), width), self._pad_id)
        merged: Batch = {"input_ids": ids, "lengths": torch.ones(len(indices), dtype=torch.int64)}
        if any("token_types" in batch for batch in batches.values()):
            merged["token_types"] = torch.zeros_like(ids)
        merged["examples"] = torch.tensor(int((indices != PADDING).sum()))
        for name, batch in batches.items():
            mine = torch.from_numpy(rows[name])
            for key in ("input_ids", "lengths", "token_types"):
                if len(mine) and key in batch:
                    fill = self._pad_id if key == "input_ids" else 0
                    merged[key][mine] = _widened(batch[key], width, fill) if key != "lengths" else batch[key]
            merged[PLACES + name] = mine if len(mine) else torch.zeros(1, dtype=torch.int64)
            by_token = self.parts[name].labels_by_token
            merged[LABELS + name] = (
                _widened(batch["labels"], width, IGNORE_INDEX) if by_token else batch["labels"]
            )
        return merged

    def part(self, name: str) -> "PartOfExamples":
        """The examples of one task, in such batches."""
        number = list(self.parts).index(name)
        return PartOfExamples(self, int(self._ends[number]) - len(self.parts[name]), len(self.parts[name]))

    def _rows_of_each(self, indices: np.ndarray) -> list[np.ndarray]:
        """Of each task the rows of a batch that are its own; padding is left to the first one."""
        numbers = np.searchsorted(self._ends, np.maximum(indices, 0), side="right")
        return [np.flatnonzero(numbers == number) for number in range(len(self.parts))]

    def _collate(self, name: str, indices: np.ndarray, samples: np.ndarray) -> Batch:
        examples = self.parts[name]
        if not len(indices):
            none = np.array([PADDING])
            return examples.collate(none, none)
        start = int(self._ends[list(self.parts).index(name)]) - len(examples)
        return examples.collate(np.where(indices == PADDING, PADDING, indices - start), samples)


@dataclass(frozen=True)
class PartOfExamples:
    """A run of the examples of several tasks, for a validation of one alone."""

    whole: MultiExamples
    start: int
    size: int

    def __len__(self) -> int:
        return self.size

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self.whole.target_counts(indices, samples)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        return self.whole.collate(np.where(indices == PADDING, PADDING, indices + self.start), samples)


def _widened(tensor: Tensor, width: int, value: int) -> Tensor:
    """[B, T] with more columns at the right."""
    return F.pad(tensor, (0, width - tensor.size(1)), value=value)
