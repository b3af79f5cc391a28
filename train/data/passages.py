"""Passages of a token stream that a text shares with it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from train.data.batches import Tokens

CHUNK = 1 << 20
"""Tokens that are looked at together: they take up to some 60 bytes of memory each."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Passage(NamedTuple):
    """Consecutive tokens of a stream."""

    start: int
    tokens: int
    least: int
    """How many of them in a row count."""

    @property
    def stop(self) -> int:
        return self.start + self.tokens


class PassageFinder:
    """Finds the runs of tokens that a stream has in common with a text: as long as they go, and not below a length.

    The stream is read once, from its start to its end. Where `least` tokens in a row are all of the text, a hash of
    them is looked up among those of the text's own n-grams; what is found is compared token by token. A spelling that
    has fewer is looked for as a whole.
    """

    def __init__(self, spellings: Sequence[np.ndarray], least: int, vocab_size: int):
        """
        Args:
            spellings: the text's ids, and those of other ways to write it.
            least: length of the shortest run, from 1.
            vocab_size: ids are below.
        """
        lengths = np.array([len(ids) for ids in spellings])
        self._looked_up = looked_up = min(least, int(lengths.min()))
        self._least = np.repeat(np.minimum(lengths, least), lengths + 1)
        """Of each place in the text."""
        # Behind each spelling an id that no stream has, so that nothing reaches over its end.
        self._text = np.concatenate([np.append(ids.astype(np.int64), vocab_size) for ids in spellings])
        self._is_known = np.zeros(vocab_size + 1, bool)
        self._is_known[self._text] = True
        self._is_known[vocab_size] = False
        starts = _all_true(self._is_known[self._text], looked_up)
        hashes = _hashes(self._text, starts, looked_up)
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._places = hashes[order], starts[order]

    def find(self, stream: Tokens) -> Iterator[Passage]:
        """The passages in the stream's order. Of those that overlap the longest is told, the first of several."""
        pending: Passage | None = None
        for passage in self.runs(stream):
            if pending is None or passage.start >= pending.stop:
                if pending is not None:
                    yield pending
                pending = passage
            elif passage.tokens > pending.tokens:
                pending = passage
        if pending is not None:
            yield pending

    def runs(self, stream: Tokens) -> Iterator[Passage]:
        """All of them, also those that overlap."""
        for first in range(0, len(stream) - self._looked_up + 1, CHUNK):
            chunk = stream.read(first, CHUNK + self._looked_up - 1)
            starts = _all_true(self._is_known[chunk], self._looked_up)
            hashes = _hashes(chunk, starts, self._looked_up)
            low = np.searchsorted(self._hashes, hashes, side="left")
            high = np.searchsorted(self._hashes, hashes, side="right")
            for hit in np.flatnonzero(high > low):
                start = first + int(starts[hit])
                # With the token before, which tells where a run begins.
                context = stream.read(max(start - 1, 0), 1 + len(self._text))
                here, before = (context[1:], context[0]) if start else (context, -1)
                for place in self._places[low[hit] : high[hit]].tolist():
                    if place == 0 or self._text[place - 1] != before:
                        shared, least = _common_prefix(here, self._text[place:]), int(self._least[place])
                        if shared >= least:
                            yield Passage(start, shared, least)


def _all_true(flags: np.ndarray, length: int) -> np.ndarray:
    """Where so many flags in a row are set: the first of each; int64."""
    width = 1
    while width < length:
        step = min(width, length - width)
        flags = flags[:-step] & flags[step:]
        width += step
    return np.flatnonzero(flags)


def _hashes(ids: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """A polynomial hash of the ids from each start on, modulo 2^64; overflow is meant."""
    found = np.zeros(len(starts), np.uint64)
    for offset in range(length):
        found = found * FACTOR + ids[starts + offset].astype(np.uint64)
    return found


def _common_prefix(left: np.ndarray, right: np.ndarray) -> int:
    length = min(len(left), len(right))
    different = left[:length] != right[:length]
    return int(different.argmax()) if different.any() else length
