"""Pairs of texts from the documents of a stream, some of whose tokens are hidden."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from pipeline.errors import UserError
from train.data.batches import PADDING, Batch, Tokens
from train.data.sequences import check_sequences
from train.models import IGNORE_INDEX
from train.objectives.draws import uniforms
from train.objectives.masked_windows import Frame
from train.objectives.masking import Masker
from train.objectives.sentence_starts import SentenceStarts

_PAIR = 4
"""Purpose of random numbers; `masking.py` has those before."""
AS_IT_STANDS, OTHERWISE = 0, 1
"""Labels of pairs, as BERT and ALBERT have them."""


@dataclass(frozen=True)
class PairRules:
    """How pairs are made, and framed."""

    kind: Literal["next_sentence", "sentence_order"]
    starts: SentenceStarts
    frame: Frame
    padding: int
    """Id of a special token that fills rows up."""


class _Rows(NamedTuple):
    """Pairs before anything is hidden."""

    ids: np.ndarray
    token_types: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray


class SentencePairs:
    """`[CLS] A [SEP] B [SEP]`: see `train.data.batches.Examples`.

    Each document is cut into the fewest pieces that fit, all of one length; a piece is an example. It is parted where a
    sentence begins in it, or anywhere if it has a single one. Where B is another document's text, this also begins with
    a sentence, and is as long as the text in whose place it stands, so that lengths tell nothing. All of it is drawn
    from the seed and the sample's number.
    """

    def __init__(self, stream: Tokens, length: int, masker: Masker, rules: PairRules):
        """
        Args:
            length: tokens of an example, its frame included.

        Raises:
            UserError: where the stream is too short for one, or has a single document and others are needed.
        """
        self._stream, self._length, self._masker, self._rules = stream, length, masker, rules
        self._size = length - 3
        self._labels = masker.count(self._size)
        self._documents = stream.document_starts()
        if self._size < 2:
            check_sequences(stream.name, len(stream), 0, length)
        self._starts, self._sizes = _pieces(self._documents, self._size)
        check_sequences(stream.name, len(stream), len(self._starts), length)
        documents = np.searchsorted(self._documents, self._starts[[0, -1]], side="right")
        if rules.kind == "next_sentence" and documents[0] == documents[1]:
            raise UserError(
                f"objective.pairs=next_sentence takes texts of other documents, and {stream.name} has a single one; "
                "give the corpus more, or set objective.pairs=sentence_order"
            )

    def __len__(self) -> int:
        return len(self._starts)

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        rows = self._rows(indices, samples)
        return np.minimum(self._masker.ordinary[rows.ids].sum(1), self._counts(rows))

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        """input_ids and token_types, int64 [B, T]; places and labels, int64 [B, K]; lengths and pairs, int64 [B]."""
        rows = self._rows(indices, samples)
        ids, masker = rows.ids, self._masker
        places = masker.places(ids, samples, self._labels, self._counts(rows))
        labels = np.take_along_axis(ids, places, 1)
        labels[~masker.ordinary[labels]] = IGNORE_INDEX
        labels[indices == PADDING] = IGNORE_INDEX
        batch = {
            "input_ids": masker.hide(ids, places, samples),
            "token_types": rows.token_types,
            "lengths": rows.lengths,
            "places": places,
            "labels": labels,
            "pairs": np.where(indices == PADDING, IGNORE_INDEX, rows.labels),
        }
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def overlaps(self, start: int, stop: int) -> dict[int, int]:
        shared = np.minimum(self._starts + self._sizes, stop) - np.maximum(self._starts, start)
        return {int(piece): int(shared[piece]) for piece in np.flatnonzero(shared > 0)}

    def unmasked(self, index: int) -> Batch:
        rows = self._rows(np.array([index]), np.array([index]))
        batch = {"input_ids": rows.ids, "token_types": rows.token_types, "lengths": rows.lengths}
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def _counts(self, rows: _Rows) -> np.ndarray:
        """How many tokens are predicted of each pair."""
        return np.array([self._masker.count(size) for size in (rows.lengths - 3).tolist()])

    def _rows(self, indices: np.ndarray, samples: np.ndarray) -> _Rows:
        shape, (start, end) = (len(indices), self._length), self._rules.frame
        ids, types = np.full(shape, self._rules.padding, np.int64), np.zeros(shape, np.int64)
        lengths, labels = np.zeros(shape[0], np.int64), np.zeros(shape[0], np.int64)
        drawn = uniforms(self._masker.seed, samples, 4, _PAIR)
        for row, index in enumerate(np.maximum(indices, 0).tolist()):
            first, second, labels[row] = self._pair(index, *drawn[row].tolist())
            framed = np.concatenate([[start], first, [end], second, [end]])
            lengths[row] = len(framed)
            ids[row, : len(framed)] = framed
            types[row, len(first) + 2 : len(framed)] = 1
        return _Rows(ids, types, lengths, labels)

    def _pair(
        self, piece: int, cut: float, label: float, other: float, begin: float
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Two texts and their label, by numbers in [0, 1)."""
        text = self._read(piece)
        places = self._rules.starts.within(text)
        if not len(places):
            places = np.arange(1, len(text))
        first, second = np.split(text, [places[int(cut * len(places))]])
        if label < 0.5:
            return first, second, AS_IT_STANDS
        if self._rules.kind == "sentence_order":
            return second, first, OTHERWISE
        return first, self._of_another(piece, len(second), other, begin), OTHERWISE

    def _of_another(self, piece: int, most: int, other: float, begin: float) -> np.ndarray:
        """At most so many tokens of another document than the piece's, from where a sentence begins in one of its
        pieces."""
        _, start, stop = self._document(piece)
        chosen = int(other * (len(self) - (stop - start)))
        chosen += (stop - start) * (chosen >= start)
        end, its_first, _ = self._document(chosen)
        places = self._rules.starts.within(self._read(chosen))
        if chosen == its_first or not len(places):
            places = np.append(0, places)
        place = int(self._starts[chosen] + places[int(begin * len(places))])
        return self._stream.read(place, min(most, end - place))

    def _document(self, piece: int) -> tuple[int, int, int]:
        """Where the tokens of a piece's document end, before eos; its first piece, and the one behind its last."""
        number = int(np.searchsorted(self._documents, self._starts[piece], side="right"))
        bounds = self._documents[number - 1 : number + 1]
        start, stop = np.searchsorted(self._starts, bounds).tolist()
        return int(bounds[1]) - 1, start, stop

    def _read(self, piece: int) -> np.ndarray:
        return self._stream.read(int(self._starts[piece]), int(self._sizes[piece]))


def _pieces(documents: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Start and size (int64) of the pieces of at most `size` tokens that documents, without their eos, are cut into.
    What is too short to be parted is left out."""
    lengths = np.diff(documents) - 1
    counts = -(-lengths // size)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # within its document
    whole, parts = np.repeat(lengths, counts), np.repeat(counts, counts)
    begin, end = number * whole // parts, (number + 1) * whole // parts
    starts, sizes = np.repeat(documents[:-1], counts) + begin, end - begin
    return starts[sizes > 1], sizes[sizes > 1]
