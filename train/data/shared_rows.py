"""Texts of different lengths that share the rows of a batch, none of which sees another."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from train.data.batches import PADDING, Batch, Examples
from train.data.packing import best_fit

PAD_MULTIPLE = 8
"""Lengths of batches are rounded up to this, so that kernels see few shapes, and aligned ones."""


def row_width(longest: int, context: int) -> int:
    """Places of a row that holds so many tokens."""
    return min(-(-longest // PAD_MULTIPLE) * PAD_MULTIPLE, context)


class SharedRows:
    """Where each text of a batch stands. The rows are as long as the longest text, so no batch has more places than one
    in which each text has a row of its own; they are filled by best fit."""

    def __init__(self, lengths: Sequence[int], context: int):
        """Args: lengths: of each text in tokens, none of them more than `context`."""
        sizes = np.array(lengths, dtype=np.int64)
        width = row_width(int(sizes.max()), context)
        self.rows = best_fit(sizes, width)
        """Of each text, int64 [texts]."""
        self.starts = np.zeros_like(sizes)
        """Its first place in the row, int64 [texts]."""
        self.filled = np.zeros(self.rows.max() + 1, dtype=np.int64)
        """Places of each row that hold a token, int64 [rows]."""
        for text, (row, size) in enumerate(zip(self.rows, sizes, strict=True)):
            self.starts[text] = self.filled[row]
            self.filled[row] += size
        self.ends = self.starts + sizes
        self._shape = (len(self.filled), width)

    def lay(self, texts: Sequence[np.ndarray], filler: int) -> Tensor:
        """The texts in their places, int64 [rows, places], and the filler everywhere else."""
        laid = np.full(self._shape, filler, dtype=np.int64)
        for row, start, end, text in zip(self.rows, self.starts, self.ends, texts, strict=True):
            laid[row, start:end] = text
        return torch.from_numpy(laid)

    def segments(self) -> Tensor:
        """Where the text of each place starts, int64 [rows, places]: see `TrainableModel`. What is left of a row is
        read by itself."""
        segments = np.zeros(self._shape, dtype=np.int64)
        for row, start, end in zip(self.rows, self.starts, self.ends, strict=True):
            segments[row, start:end] = start
        for row, end in enumerate(self.filled):
            segments[row, end:] = end
        return torch.from_numpy(segments)


class PackedExamples:
    """Examples of which several share a row: see `Examples`. A batch holds the same ones, and as many labels count."""

    def __init__(
        self,
        examples: Examples,
        input_ids: Sequence[np.ndarray],
        filler: int,
        context: int,
        others: Callable[[np.ndarray, SharedRows], Batch],
    ):
        """
        Args:
            input_ids: of each example.
            others: gives what a batch holds besides input_ids and segments, of the examples with these indices.
        """
        self._examples, self._input_ids, self._others = examples, input_ids, others
        self._filler, self._context = filler, context

    def __len__(self) -> int:
        return len(self._examples)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._examples.target_counts(indices, samples)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids, int64 [rows, places], what `others` gives, and segments where examples share rows."""
        there = indices[indices != PADDING]
        if not len(there):
            return self._examples.collate(indices, samples)
        texts = [self._input_ids[index] for index in there]
        rows = SharedRows(list(map(len, texts)), self._context)
        batch = {"input_ids": rows.lay(texts, self._filler), **self._others(there, rows)}
        # Attention is faster without a mask.
        return batch if len(rows.filled) == len(there) else batch | {"segments": rows.segments()}
