"""How documents share the sequences that are trained on: masked windows, and whole documents packed."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.config.data import DataConfig
from train.data.batches import PADDING, Batch, StreamExamples, Tokens, TokenWindows
from train.models import IGNORE_INDEX


def pack(config: DataConfig, stream: Tokens, length: int) -> StreamExamples:
    """The examples of a stream, `length` tokens each, as `data.packing` says.

    Raises:
        UserError: where the stream is too short for one, or its documents' offsets are damaged.
    """
    match config.packing:
        case "concatenate":
            return TokenWindows(stream, length)
        case "mask":
            return MaskedWindows(stream, length)
        case "best_fit":
            return PackedDocuments(stream, length)


class MaskedWindows(TokenWindows):
    """The same windows, with each token's document.

    The eos that closes a document begins the next one, at position 0: so does evaluation begin a text. Every token has
    its label as before, the first one of a document too.
    """

    def __init__(self, stream: Tokens, length: int):
        super().__init__(stream, length)
        self._eos = stream.eos_id

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        batch = super().collate(indices, samples)
        batch["segments"] = segments_of(batch["input_ids"], self._eos)
        return batch


def segments_of(input_ids: Tensor, eos: int) -> Tensor:
    """At which index of its row [B, T] each token's document starts, where an eos begins one."""
    begins = input_ids == eos
    places = torch.arange(begins.size(1)).expand_as(begins)
    return torch.where(begins, places, 0).cummax(1).values


class PackedDocuments:
    """Whole documents packed into sequences of `length` tokens by best-fit-decreasing (Ding et al., 2024, "Fewer
    Truncations Improve Language Modeling").

    A document of n tokens, eos included, takes n places: the eos before it and its own but the last are inputs, its own
    are the labels. Longer ones are cut into pieces of `length` tokens and a rest. What a sequence has left is padding
    with ignored labels. The sequences are numbered by the first document in each.

    The plan takes 12 bytes of memory for each document and 12 for each sequence; while it is made, several times that.
    Of several ranks one makes it, and all map it into memory.
    """

    def __init__(self, stream: Tokens, length: int):
        self._stream, self._length, self._eos = stream, length, stream.eos_id
        if stream.shared is None:
            plan = _plan(stream, length)
        else:
            plan = stream.shared.get(f"{stream.name} in {length}", lambda: _plan(stream, length))
        self._starts, self._sizes, self._filled, self._bounds = plan

    def __len__(self) -> int:
        return len(self._filled)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._filled[indices]

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        shape = (len(indices), self._length)
        inputs = np.full(shape, self._eos, np.int64)
        labels = np.full(shape, IGNORE_INDEX, np.int64)
        segments = np.zeros(shape, np.int64)
        for row, index in enumerate(indices):
            if index == PADDING:
                continue
            place = 0
            for piece in range(self._bounds[index], self._bounds[index + 1]):
                start, end = int(self._starts[piece]), place + int(self._sizes[piece])
                if start == 0:  # nothing comes before the first document: it keeps the eos that is there
                    tokens = self._stream.read(0, end - place)
                    inputs[row, place + 1 : end] = tokens[:-1]
                else:
                    tokens = self._stream.read(start - 1, end - place + 1)
                    inputs[row, place:end] = tokens[:-1]
                    tokens = tokens[1:]
                labels[row, place:end] = tokens
                segments[row, place:end] = place
                place = end
            segments[row, place:] = place
        batch = {"input_ids": inputs, "labels": labels, "segments": segments}
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        # The token before a piece, the eos of another document or the end of this one's piece before, is an input, too.
        before = np.maximum(self._starts - 1, 0)
        shared = np.minimum(self._starts + self._sizes, stop) - np.maximum(before, start)
        pieces = np.flatnonzero(shared > 0)
        sequences = np.searchsorted(self._bounds, pieces, side="right") - 1
        found: dict[int, int] = {}
        for sequence, tokens in zip(sequences.tolist(), shared[pieces].tolist(), strict=True):
            found[sequence] = max(tokens, found.get(sequence, 0))
        return found


def _plan(stream: Tokens, length: int) -> list[np.ndarray]:
    """Start and size of each piece, sequence after sequence; filled places and first piece of each sequence."""
    starts, sizes = _pieces(stream.document_starts(), length)
    sequences = best_fit(sizes, length)
    # Numbered by the first piece in each, for else the longest would come first, in validation too.
    first = np.unique(sequences, return_index=True)[1]
    rank = np.empty_like(first)
    rank[np.argsort(first)] = np.arange(len(first))
    sequences = rank[sequences]
    order = np.argsort(sequences, kind="stable")
    filled = np.bincount(sequences, weights=sizes, minlength=len(first)).astype(np.int32)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(sequences))])
    return [starts[order], sizes[order].astype(np.int32), filled, bounds]


def _pieces(bounds: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and size (int64) of the pieces of at most `length` tokens that documents between `bounds` are cut into."""
    sizes = np.diff(bounds)
    counts = -(-sizes // length)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # within its document
    starts = np.repeat(bounds[:-1], counts) + number * length
    return starts, np.minimum(np.repeat(bounds[1:], counts) - starts, length)


def best_fit(sizes: np.ndarray, capacity: int) -> np.ndarray:
    """The bin of each item under best-fit-decreasing: the longest first, each into the fullest that has room.

    Items of one size are placed together, and bins with the same room are found together, by counting: what takes time
    is the number of pairs of size and room, not of items.
    """
    order = np.argsort(-sizes, kind="stable")
    counts = np.bincount(sizes, minlength=capacity + 1)
    placed = np.empty(len(sizes), np.int64)
    by_room: dict[int, list[range]] = defaultdict(list)
    rooms = 0  # bit r is set where a bin has room r: the least room from s on is the lowest bit of rooms >> s
    bins = item = 0
    for size in range(capacity, 0, -1):
        left = int(counts[size])
        while left:
            fitting = rooms >> size
            if fitting:
                room = size + (fitting & -fitting).bit_length() - 1
                found = by_room[room].pop()
                if not by_room[room]:
                    rooms ^= 1 << room
            else:
                room, found = capacity, range(bins, bins + -(-left // (capacity // size)))
                bins = found.stop
            # A bin that has taken an item is the fullest that still has room, so it takes as many as it can.
            each = room // size
            whole = min(len(found), left // each)
            some = left - whole * each if whole < len(found) else 0
            taken = whole * each + some
            into = np.repeat(np.arange(found.start, found.start + whole), each)
            placed[item : item + taken] = np.append(into, [found.start + whole] * some)
            for part, now in (
                (found[:whole], room - each * size),
                (found[whole : whole + bool(some)], room - some * size),
                (found[whole + bool(some) :], room),
            ):
                if len(part) and now:
                    by_room[now].append(part)
                    rooms |= 1 << now
            item, left = item + taken, left - taken
    bin_of = np.empty_like(placed)
    bin_of[order] = placed
    return bin_of


@dataclass(frozen=True)
class PackingFigures:
    """What packing does to the documents of a stream, against concatenation."""

    sequences: int
    windows: int
    """Sequences of plain concatenation."""
    padding: float
    """Share of places that hold no token."""
    cut: float
    """Share of documents that are not whole in one sequence."""
    cut_by_windows: float

    def __str__(self) -> str:
        return (
            f"{self.sequences:,} sequences ({self.windows:,} by concatenation), {self.padding:.2%} padding, "
            f"{self.cut:.1%} of the documents are cut ({self.cut_by_windows:.1%} by concatenation)"
        )


def packing_figures(stream: Tokens, length: int, sequences: int) -> PackingFigures:
    """Of best-fit packing into so many sequences."""
    bounds = stream.document_starts()
    sizes = np.diff(bounds)
    # Token t is the label of window (t - 1) // length; the very first one is no label.
    first, last = np.maximum(bounds[:-1] - 1, 0) // length, np.maximum(bounds[1:] - 2, 0) // length
    return PackingFigures(
        sequences,
        (len(stream) - 1) // length,
        1 - len(stream) / (sequences * length),
        float((sizes > length).mean()),
        float((first != last).mean()),
    )
