"""A trigram model with modified Kneser-Ney smoothing, interpolated (Chen and Goodman, 1999, section 5): the strongest
of what counting alone reaches.

    p(w | h) = (c(h, w) - D(c)) / c(h) + g(h) · p(w | shorter h)

down to the uniform distribution over the vocabulary. Of the shorter histories c is how many different tokens precede
the n-gram; of those that begin a document, which nothing can precede, how often they occur. D differs for counts of 1,
2 and from 3 on, and follows from the counts of counts. Nothing is fitted on other text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from eval.language_model.ngram import Stream, pairs_of

MOST_TRAINING_TOKENS = 20_000_000
"""Counting stops here, to bound the memory: each different trigram takes 16 bytes, and when they are merged as much
again."""
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the counts of counts give none, as in a tiny text; those of KenLM."""


def triples_of(stream: Stream, eos: int, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The two tokens before each of the first `limit` ones, and these, in chunks. Before a document there is nothing
    but eos."""
    last = eos
    for history, tokens in pairs_of(stream, eos, limit):
        further = np.concatenate([[last], history[:-1]])
        last = int(history[-1])
        yield np.where(history == eos, eos, further), history, tokens


def discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """Of counts of 1, of 2, and of more (Chen and Goodman, 1999, equation 26)."""
    one, two, three, four = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if 0 in (one, two, three):
        return FALLBACK
    y = one / (one + 2 * two)
    found = (1 - 2 * y * two / one, 2 - 3 * y * three / two, 3 - 4 * y * four / three)
    return found if all(0 < d <= n for n, d in enumerate(found, 1)) else FALLBACK


@dataclass(frozen=True)
class Order:
    """The n-grams of one length, as `history · V + token`."""

    vocab_size: int
    keys: np.ndarray
    """Sorted, int64 [N]."""
    counts: np.ndarray
    """int64 [N]"""
    discounts: tuple[float, float, float]
    histories: np.ndarray
    """Those that occur, sorted, int64 [H]."""
    totals: np.ndarray
    """Summed counts of each, fp64 [H]."""
    left: np.ndarray
    """What the discounts of each leave for the shorter history, as a share; fp64 [H]."""

    @classmethod
    def of(
        cls,
        vocab_size: int,
        keys: np.ndarray,
        counts: np.ndarray,
        taken: tuple[float, float, float] | None = None,
    ) -> "Order":
        """Args: taken: discounts; None works them out."""
        taken = taken or discounts(counts)
        histories, where = np.unique(keys // vocab_size, return_inverse=True)
        totals = np.bincount(where, weights=counts)
        left = np.bincount(where, weights=_discount(counts, taken)) / totals
        return cls(vocab_size, keys, counts, taken, histories, totals, left)

    def mixed(self, history: np.ndarray, tokens: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Probabilities, where `lower` are those after the shorter history."""
        counts = _looked_up(self.keys, self.counts, history * self.vocab_size + tokens)
        totals = _looked_up(self.histories, self.totals, history)
        left = _looked_up(self.histories, self.left, history)
        own = (counts - _discount(counts, self.discounts)) / np.maximum(totals, 1)
        return np.where(totals > 0, own + left * lower, lower)


def _discount(counts: np.ndarray, taken: tuple[float, float, float]) -> np.ndarray:
    return np.array([0.0, *taken])[np.minimum(counts, 3).astype(np.int64)]


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values of keys, 0 where there is none."""
    where = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[where] == wanted, values[where], 0)


class KneserNey:
    """Probabilities of tokens after the two before, which sum to one over the vocabulary."""

    def __init__(
        self,
        stream: Stream,
        vocab_size: int,
        eos: int,
        advance: Callable[[int], None] = lambda tokens: None,
        taken: tuple[tuple[float, float, float], ...] = (),
    ):
        """Count (the beginning of) a stream of documents, each closed by eos.

        Args:
            taken: discounts of one, two and three tokens; without them they are worked out.
        """
        size, self._eos = vocab_size, eos
        keys = times = np.empty(0, np.int64)
        for further, history, tokens in triples_of(stream, eos, MOST_TRAINING_TOKENS):
            found, more = np.unique((further * size + history) * size + tokens, return_counts=True)
            union, where = np.unique(np.concatenate([keys, found]), return_inverse=True)
            times = np.bincount(where, weights=np.concatenate([times, more])).astype(np.int64)
            keys = union
            advance(len(tokens))
        self.tokens = int(times.sum())
        pairs, where = np.unique(keys % (size * size), return_inverse=True)
        preceded = np.where(
            pairs // size == eos, np.bincount(where, weights=times), np.bincount(where)
        ).astype(np.int64)
        single, preceding = np.unique(pairs % size, return_counts=True)
        levels = [(single, preceding), (pairs, preceded), (keys, times)]
        self.orders = [
            Order.of(size, key, count, taken[level] if taken else None)
            for level, (key, count) in enumerate(levels)
        ]

    def probabilities(self, further: np.ndarray, history: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Of each token after the two before it."""
        size = self.orders[0].vocab_size
        found = np.full(len(tokens), 1 / size)
        before = (np.zeros_like(history), history, further * size + history)
        for order, context in zip(self.orders, before, strict=True):
            found = order.mixed(context, tokens, found)
        return found

    def losses(self, stream: Stream) -> Iterator[tuple[int, np.ndarray]]:
        """Positions in a stream of documents, with the nats of the tokens from there."""
        start = 0
        for further, history, tokens in triples_of(stream, self._eos, len(stream)):
            yield start, -np.log(self.probabilities(further, history, tokens))
            start += len(tokens)
