"""Unigram and interpolated bigram perplexity: what counting alone reaches on the same tokens.

Jelinek-Mercer smoothing (Jelinek and Mercer, 1980; as written by Chen and Goodman, 1999, section 2.3), each
order mixed with the one below it down to the uniform distribution over the vocabulary V:

    p(w)     = a · c(w) / N + (1 - a) / V
    p(w | h) = b(h) · c(h, w) / c(h) + (1 - b(h)) · p(w)        b(h) = 0 where c(h) = 0

with counts from the training split and weights fitted on the validation split by expectation-maximization.
Histories share a weight if a pair that begins with them has been seen about equally often on average, which
Chen and Goodman found best.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.errors import UserError

CHUNK = 4_000_000
MOST_TRAINING_TOKENS = 50_000_000
"""Counting stops here, to bound the memory for the pairs; more hardly moves a bigram."""
MOST_FITTING_TOKENS = 1_000_000
"""Validation tokens that the weights are fitted on."""
EM_STEPS = 50
GROUPS = 24
"""Groups of histories, by half powers of two of the average count."""


def check_fitting_text(size: int) -> None:
    """Raises: UserError: where there is no validation text; `size` is in any unit."""
    if size == 0:
        raise UserError(
            "the bigram's weights are fitted on validation text, of which this corpus has none; set "
            "evaluate.ngram_baselines=false, or give the corpus more text or a larger clean.validation_fraction"
        )


class Stream(Protocol):
    """Tokens that are read a piece at a time, as `pipeline.formats.shards.TokenStream`."""

    def __len__(self) -> int: ...

    def read(self, start: int, length: int) -> np.ndarray: ...


@dataclass(frozen=True)
class ArrayStream:
    """An array (or a memory map) of tokens as a stream."""

    tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def read(self, start: int, length: int) -> np.ndarray:
        return self.tokens[start : start + length].astype(np.int64)

    def read_rows(self, starts: np.ndarray, length: int) -> np.ndarray:
        return self.tokens[starts[:, None] + np.arange(length)].astype(np.int64)


@dataclass(frozen=True)
class Counts:
    """Counts of tokens and of pairs of a history and the token after it."""

    vocab_size: int
    unigrams: np.ndarray
    """int64 [V]"""
    keys: np.ndarray
    """The pairs that occur as h · V + w, sorted, int64 [P]."""
    pairs: np.ndarray
    """int64 [P]"""

    @classmethod
    def of(
        cls,
        stream: Stream,
        vocab_size: int,
        first_history: int,
        advance: Callable[[int], None] = lambda tokens: None,
    ) -> "Counts":
        """Count (the beginning of) a stream, whose first token follows `first_history`."""
        unigrams = np.zeros(vocab_size, np.int64)
        keys = pairs = np.empty(0, np.int64)
        for history, tokens in pairs_of(stream, first_history, MOST_TRAINING_TOKENS):
            unigrams += np.bincount(tokens, minlength=vocab_size)
            found, times = np.unique(history * vocab_size + tokens, return_counts=True)
            union = np.union1d(keys, found)
            total = np.zeros(len(union), np.int64)
            total[np.searchsorted(union, keys)] = pairs
            total[np.searchsorted(union, found)] += times
            keys, pairs = union, total
            advance(len(tokens))
        return cls(vocab_size, unigrams, keys, pairs)

    @property
    def tokens(self) -> int:
        return int(self.unigrams.sum())

    def histories(self) -> tuple[np.ndarray, np.ndarray]:
        """How often each token is a history, and how many different tokens follow it; int64 [V] each."""
        first = self.keys // self.vocab_size
        times = np.bincount(first, weights=self.pairs, minlength=self.vocab_size)
        return times.astype(np.int64), np.bincount(first, minlength=self.vocab_size)

    def of_pairs(self, history: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """c(h, w) for parallel arrays."""
        wanted = history * self.vocab_size + tokens
        where = np.searchsorted(self.keys, wanted)
        where[where == len(self.keys)] = 0
        return np.where(self.keys[where] == wanted, self.pairs[where], 0)


def pairs_of(stream: Stream, first_history: int, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Histories and tokens of the stream's first `limit` tokens, in chunks."""
    limit = min(limit, len(stream))
    for start in range(0, limit, CHUNK):
        length = min(CHUNK, limit - start)
        tokens = stream.read(start, length)
        before = [first_history] if start == 0 else stream.read(start - 1, 1)
        yield np.concatenate([before, tokens[:-1]]), tokens


def fit_weight(upper: np.ndarray, lower: np.ndarray) -> float:
    """The weight of `upper` in the mixture of two models under which held-out tokens are likeliest.

    One imagined token for either model keeps it from 0 and 1, where an unseen pair would be impossible.

    Args:
        upper, lower: each model's probability of each token; lower > 0.
    """
    weight = 0.5
    for _ in range(EM_STEPS):
        part = weight * upper
        weight = float(((part / (part + (1 - weight) * lower)).sum() + 1) / (len(upper) + 2))
    return weight


class Bigram:
    """Interpolated unigram and bigram probabilities, which sum to one over the vocabulary."""

    def __init__(self, counts: Counts, validation: Stream, first_history: int):
        """Fits the weights on the validation stream."""
        self._counts = counts
        self._unigram = counts.unigrams / counts.tokens
        self._times, followers = counts.histories()
        average = self._times / np.maximum(followers, 1)
        self._group = np.clip(2 * np.log2(np.maximum(average, 1)), 0, GROUPS - 1).astype(np.int64)
        batches = list(pairs_of(validation, first_history, MOST_FITTING_TOKENS))
        history, tokens = (np.concatenate(part) for part in zip(*batches, strict=True))
        self.unigram_weight = fit_weight(self._unigram[tokens], np.full(len(tokens), 1 / counts.vocab_size))
        lower, upper = self._mixed_unigram(tokens), self._pair_frequency(history, tokens)
        group = np.where(self._times[history] > 0, self._group[history], -1)
        self.weights = np.array([fit_weight(upper[group == g], lower[group == g]) for g in range(GROUPS)])

    def _mixed_unigram(self, tokens: np.ndarray) -> np.ndarray:
        weight = self.unigram_weight
        return weight * self._unigram[tokens] + (1 - weight) / self._counts.vocab_size

    def _pair_frequency(self, history: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return self._counts.of_pairs(history, tokens) / np.maximum(self._times[history], 1)

    def losses(self, stream: Stream, first_history: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Positions in the stream with the nats of the tokens from there: unigram's, then bigram's."""
        start = 0
        for history, tokens in pairs_of(stream, first_history, len(stream)):
            unigram = self._mixed_unigram(tokens)
            weight = np.where(self._times[history] > 0, self.weights[self._group[history]], 0.0)
            bigram = weight * self._pair_frequency(history, tokens) + (1 - weight) * unigram
            yield start, -np.log(unigram), -np.log(bigram)
            start += len(tokens)
