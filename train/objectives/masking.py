"""Which places of a text are hidden, and what stands there then: drawn for a whole batch at once."""

from dataclasses import dataclass

import numpy as np

from pipeline.config.objectives.masked import MaskedConfig
from train.objectives.draws import uniforms

_PLACES, _SPANS, _KINDS, _TOKENS = range(4)
"""Purposes of random numbers; `sentence_pairs.py` has the next."""
_NEVER = 2.0
"""Comes after all numbers that are drawn."""


@dataclass(frozen=True)
class Masker:
    """Hides tokens of texts, as a pure function of the seed and each text's sample number."""

    config: MaskedConfig
    seed: int
    mask_id: int
    ordinary: np.ndarray
    """Whether each token may be predicted, bool [vocabulary]: special ones may not."""
    starts: np.ndarray
    """Whether each token begins a word, bool [vocabulary]."""

    def count(self, length: int) -> int:
        """How many tokens of so many are predicted, where there are that many ordinary ones."""
        return max(1, round(self.config.share * length))

    def places(
        self, ids: np.ndarray, samples: np.ndarray, count: int, counts: np.ndarray | None = None
    ) -> np.ndarray:
        """The places that are predicted, int64 [B, count] in ascending order: in texts with fewer ordinary tokens the
        last of each row are those of special ones.

        Args:
            ids: int64 [B, T].
            samples: int64 [B].
            counts: int64 [B], how many are predicted of each text, at most `count`; None says so many of each. The
                others are then place 0, which must hold a special token.
        """
        ordinary = self.ordinary[ids]
        drawn = uniforms(self.seed, samples, ids.shape[1], _PLACES)
        if self.config.unit == "token":
            order = np.where(ordinary, drawn, _NEVER)
            chosen = np.argpartition(order, count - 1, axis=1)[:, :count]
            if counts is not None:
                drawn_order = np.argsort(np.take_along_axis(order, chosen, 1), axis=1)
                chosen = np.take_along_axis(chosen, drawn_order, 1)
        else:
            each = np.full(len(ids), count) if counts is None else counts
            chosen = self._units(ids, ordinary, drawn, samples, each)[:, :count]
        if counts is not None:
            chosen = np.where(np.arange(count) < counts[:, None], chosen, 0)
        chosen.sort(axis=1)
        # Special ones behind the others.
        rows = np.arange(len(ids))[:, None]
        return chosen[rows, np.argsort(~ordinary[rows, chosen], axis=1, kind="stable")]

    def _units(
        self,
        ids: np.ndarray,
        ordinary: np.ndarray,
        drawn: np.ndarray,
        samples: np.ndarray,
        counts: np.ndarray,
    ) -> np.ndarray:
        """All places by whole words or spans, in the order of a number that is drawn for each. Where the next would be
        more than a text's count, words of one token come first, and at last a part of one."""
        rows, length = np.arange(len(ids))[:, None], ids.shape[1]
        is_first = self.starts[ids] | ~ordinary
        is_first[:, 1:] |= ~ordinary[:, :-1]
        is_first[:, 0] = True
        word_size = _sizes(is_first)
        if self.config.unit == "span":
            splits = uniforms(self.seed, samples, length, _SPANS) < 1 / self.config.span_words
            splits[:, 1:] |= ~ordinary[:, :-1]
            splits[:, 0] = True
            is_first &= splits | ~ordinary
        unit = np.cumsum(is_first, axis=1) - 1
        places = np.argsort(np.where(ordinary, drawn[rows, unit], _NEVER), axis=1, kind="stable")
        sorted_units, size = unit[rows, places], _sizes(is_first)[rows, places]
        # Where each unit begins in the sorted order, and so whether it ends early enough.
        begins = np.ones(ids.shape, bool)
        begins[:, 1:] = sorted_units[:, 1:] != sorted_units[:, :-1]
        begin = np.maximum.accumulate(np.where(begins, np.arange(length), 0), axis=1)
        rank = np.where(begin + size <= counts[:, None], 0, np.where(word_size[rows, places] == 1, 1, 2))
        rank[~ordinary[rows, places]] = 3
        return places[rows, np.argsort(rank, axis=1, kind="stable")]

    def hide(self, ids: np.ndarray, places: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """The texts with other tokens at their places, int64 [B, T]; a special token stays as it is."""
        rows, hidden = np.arange(len(ids))[:, None], ids.copy()
        kinds = uniforms(self.seed, samples, places.shape[1], _KINDS)
        choices = np.flatnonzero(self.ordinary)
        picks = (uniforms(self.seed, samples, places.shape[1], _TOKENS) * len(choices)).astype(np.int64)
        masked, random = self.config.masked, self.config.random
        written = np.where(kinds < masked, self.mask_id, choices[picks])
        changes = (kinds < masked + random) & self.ordinary[ids[rows, places]]
        hidden[rows, places] = np.where(changes, written, ids[rows, places])
        return hidden


def _sizes(is_first: np.ndarray) -> np.ndarray:
    """Of the unit that each place is of, int64 [B, T]: units begin where `is_first` says, and at each row's start."""
    flat = np.cumsum(is_first.ravel()) - 1
    return np.bincount(flat)[flat].reshape(is_first.shape)
