"""Batches for training and validation. What step s sees depends on the seed and s alone."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.formats.shared_arrays import SharedArrays
from train.data.order import Order
from train.data.sequences import check_sequences
from train.models import IGNORE_INDEX

Batch = dict[str, Tensor]
"""input_ids and labels (int64 [B, T], labels shifted to the next token), loss_scale (fp32 scalar) and, in training,
windows (int64 [B]): which examples these are. Where several documents share a row, segments (int64 [B, T]): at which
index of its row each token's document starts."""

PADDING = -1
"""Index of an example that does not exist: it fills up the last validation batch with ignored labels."""


class Examples(Protocol):
    """A data set whose examples are drawn by index.

    With each index comes the number of the sample that it is drawn for. In training no number comes twice, over epochs
    either: what is drawn at random of an example, such as the tokens that are masked, follows from the seed and its
    sample number alone, so it is new in each epoch, and the same after a resume. In validation the number is the index.
    """

    def __len__(self) -> int: ...

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Number of labels that count in each example."""

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and labels of these examples; `PADDING` gives a row whose labels are all ignored."""


class Tokens(Protocol):
    """A stream of tokens, in which eos closes each document, as `pipeline.formats.shards.TokenStream`."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def eos_id(self) -> int: ...

    @property
    def shared(self) -> SharedArrays | None:
        """Where ranks find what one of them has worked out about the stream; None for a process alone."""

    def __len__(self) -> int: ...

    def read(self, start: int, length: int) -> np.ndarray:
        """Tokens [start, start + length) as int64; shorter at the end of the stream."""

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The same from each of these places, int64 [starts, length]; all lie within the stream."""

    def document_starts(self) -> np.ndarray:
        """Where each document starts in the stream, and the end; int64 [documents + 1]."""


@runtime_checkable
class StreamExamples(Examples, Protocol):
    """Examples that are made of a stream of tokens, and say of which places."""

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        """Which examples hold some of the tokens [start, stop) of the stream, and how many of them in a row."""


def windows_over(start: int, stop: int, stride: int, size: int, count: int) -> dict[int, int]:
    """`StreamExamples.overlaps` of `count` windows of `size` tokens, of which one begins every `stride` tokens."""
    windows = range(max(0, (start - size) // stride + 1), min(count, -(-stop // stride)))
    return {w: min(stop, w * stride + size) - max(start, w * stride) for w in windows}


class TokenWindows:
    """Consecutive windows of a token stream, `length` tokens each and the token after as the last label."""

    def __init__(self, stream: Tokens, length: int):
        self._stream, self._length = stream, length
        self._count = (len(stream) - 1) // length
        check_sequences(stream.name, len(stream), self._count, length)

    def __len__(self) -> int:
        return self._count

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return np.full(len(indices), self._length)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        length = self._length
        tokens = torch.from_numpy(self._stream.read_rows(np.maximum(indices, 0) * length, length + 1))
        labels = tokens[:, 1:].clone()
        labels[torch.from_numpy(indices == PADDING)] = IGNORE_INDEX
        return {"input_ids": tokens[:, :-1].contiguous(), "labels": labels}

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        return windows_over(start, stop, self._length, self._length + 1, self._count)


class Concatenation:
    """Several sets of examples, one after the other, as one; all must have rows of the same length."""

    def __init__(self, parts: Sequence[Examples]):
        self._parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        counts = np.zeros(len(indices), np.int64)
        for part, rows, local in self._by_part(indices):
            counts[rows] = part.target_counts(local, samples[rows])
        return counts

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        batch: Batch = {}
        for part, rows, local in self._by_part(indices):
            for name, tensor in part.collate(local, samples[rows]).items():
                whole = batch.setdefault(name, tensor.new_empty((len(indices), *tensor.shape[1:])))
                whole[torch.from_numpy(rows)] = tensor
        return batch

    def _by_part(self, indices: np.ndarray) -> Iterator[tuple[Examples, np.ndarray, np.ndarray]]:
        """Each part that is asked for, in which rows, and for which of its own examples."""
        # Padding is left to the first part.
        numbers = np.maximum(np.searchsorted(self._starts, indices, side="right") - 1, 0)
        for number in np.unique(numbers):
            rows = np.flatnonzero(numbers == number)
            local = indices[rows]
            yield self._parts[number], rows, np.where(local == PADDING, PADDING, local - self._starts[number])


class MicroBatches(Sampler[list[int]]):
    """The micro-batches of one rank: sample numbers, step after step, accumulation part after part.

    Step s takes samples [s·B, (s+1)·B) of the global batch B; part a of rank r takes the slice
    [(a·ranks + r)·b, +b) of it. Neither ranks nor workers change what the step as a whole sees.
    """

    def __init__(
        self,
        global_batch: int,
        accumulation: int,
        rank: int,
        ranks: int,
        steps: int,
        start: int = 0,
        data_step: Callable[[int], int] = lambda step: step,
    ):
        """Args: data_step: position in the data of a training step: later than it, where a rollback left data out."""
        self._batch, self._accumulation = global_batch, accumulation
        self._rank, self._ranks = rank, ranks
        self._steps, self._data_step = steps, data_step
        self.start = start
        """First step to give; set anew when a checkpoint to resume from is found."""

    def __len__(self) -> int:
        return self._steps * self._accumulation

    def __iter__(self) -> Iterator[list[int]]:
        size = self._batch // (self._accumulation * self._ranks)
        for step in range(self.start, self._steps):
            for part in range(self._accumulation):
                first = self._data_step(step) * self._batch + (part * self._ranks + self._rank) * size
                yield list(range(first, first + size))


# Of few numbers the calls of numpy take the time, and not the numbers.
_DRAWN_AT_ONCE = 2048


@dataclass(frozen=True)
class _Drawn:
    """What some steps in a row see, over all ranks."""

    steps: range
    windows: np.ndarray
    """Indices of the examples; int64 [steps, B]."""
    targets: list[int]
    """Of each step the labels that count."""


class TrainSamples(Dataset[Batch]):
    """Maps a micro-batch of sample numbers to its tensors."""

    def __init__(self, examples: Examples, order: Order, global_batch: int, accumulation: int, ranks: int):
        self.examples, self._order, self._batch = examples, order, global_batch
        self._parts = accumulation * ranks
        self._at_once = max(1, _DRAWN_AT_ONCE // global_batch)
        self._drawn = _Drawn(range(0), np.empty((0, global_batch), np.int64), [])

    def __getitems__(self, samples: list[int]) -> Batch:
        numbers, step = np.array(samples), samples[0] // self._batch
        windows = self.window_ids(step)[numbers - step * self._batch]
        targets = self._drawn.targets[step - self._drawn.steps.start]
        batch = self.examples.collate(windows, numbers)
        batch["windows"] = torch.from_numpy(windows)
        # Lightning and the strategies take the plain mean over the parts of a step. Scaled like this, that mean is
        # the mean over all target tokens of the global batch, however they are spread over its parts.
        batch["loss_scale"] = torch.tensor(self._parts / max(targets, 1), dtype=torch.float32)
        return batch

    def window_ids(self, step: int) -> np.ndarray:
        """Indices of the examples that a step sees, over all ranks; `step` is its position in the data."""
        if step not in self._drawn.steps:
            self._drawn = self._draw(step)
        return self._drawn.windows[step - self._drawn.steps.start]

    def input_ids(self, step: int) -> list[Tensor]:
        """What a step reads, over all ranks: of each of `window_ids` by itself, whatever rows it shares."""
        pairs = zip(self.window_ids(step)[:, None], self._samples_of(step)[:, None], strict=True)
        return [self.examples.collate(*pair)["input_ids"] for pair in pairs]

    def _draw(self, step: int) -> _Drawn:
        """What a step sees, for all its micro-batches, and the steps around it."""
        first = step - step % self._at_once
        steps = range(first, first + self._at_once)
        samples = np.arange(steps.start * self._batch, steps.stop * self._batch)
        windows = self._order.items(samples)
        targets = self.examples.target_counts(windows, samples).reshape(len(steps), -1).sum(1)
        return _Drawn(steps, windows.reshape(len(steps), -1), targets.tolist())

    def _samples_of(self, step: int) -> np.ndarray:
        return np.arange(step * self._batch, (step + 1) * self._batch)


class ValidationSamples(Dataset[Batch]):
    """The first `limit` examples, dealt to the ranks in turn; every rank has the same number of batches."""

    def __init__(self, examples: Examples, limit: int | None, batch_size: int, rank: int, ranks: int):
        self._examples = examples
        count = min(len(examples), limit or len(examples))
        per_rank = -(-count // ranks)
        rounded = -(-per_rank // batch_size) * batch_size
        mine = np.arange(rounded) * ranks + rank
        self._batches = np.where(mine < count, mine, PADDING).reshape(-1, batch_size)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Batch:
        indices = self._batches[index]
        return self._examples.collate(indices, indices)


def validation_shares(parts: Mapping[str, Examples], limit: int | None) -> dict[str, int]:
    """How many examples of each part are validated on: all, or its share of `trainer.validation_sequences`."""
    total = sum(map(len, parts.values()))
    return {
        name: len(examples) if limit is None else min(len(examples), math.ceil(limit * len(examples) / total))
        for name, examples in parts.items()
    }


def train_loader(
    samples: TrainSamples, batches: MicroBatches, workers: int, pin_memory: bool
) -> DataLoader[Batch]:
    return DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=_as_is,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
    )


def validation_loader(samples: ValidationSamples, pin_memory: bool) -> DataLoader[Batch]:
    return DataLoader(samples, batch_size=None, pin_memory=pin_memory)


def _as_is(batch: Any) -> Any:
    return batch
