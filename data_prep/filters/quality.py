"""A filter that learns what is worth training on from good and bad examples.

The classifier is logistic regression over hashed words and pairs of words, learned example by example with Adagrad
(Duchi et al., 2011). It depends on the examples alone: every process learns the same one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from data_prep.filters.rule import Rule
from data_prep.text.word_hashes import word_hashes
from pipeline.config.filters.quality import Quality
from pipeline.errors import UserError
from pipeline.formats.folders import expand_paths
from pipeline.formats.rows import Fields, read_each
from pipeline.splitmix import mix
from pipeline.text.counts import counted

BUCKETS = 1 << 18
CHARACTERS = 20_000
"""Of a document that are looked at: enough to know it by."""
FEWEST = 10
"""Examples of each kind, below which nothing can be learned."""
MOST_TRIED = 5000
PASSES, RATE = 10, 0.3
TEXT_ENDINGS = (".txt", ".text", ".md")
FIELD = "text"


@dataclass(frozen=True)
class Classifier:
    """Tells good from bad texts."""

    weights: np.ndarray
    """float64 [BUCKETS + 1]; the last one is added to every text's."""

    def score(self, text: str) -> float:
        """Probability that the text is a good one."""
        places, values = features(text)
        return _sigmoid(float(self.weights[places] @ values))


def features(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Buckets of words and pairs, each once, and how much of the text they are, with a length of 1 in all."""
    words = word_hashes(text[:CHARACTERS])
    pairs = mix(words[:-1] * np.uint64(3) + words[1:])
    found, counts = np.unique(np.concatenate([words, pairs]) % np.uint64(BUCKETS), return_counts=True)
    values = np.log1p(counts)
    values /= max(float(np.linalg.norm(values)), 1e-9)
    return np.append(found.astype(np.int64), BUCKETS), np.append(values, 1.0)


def learn(good: Sequence[str], bad: Sequence[str]) -> Classifier:
    """From examples; both kinds count the same, however many there are."""
    examples = [(features(text), label) for label, texts in ((1.0, good), (0.0, bad)) for text in texts]
    shares = {1.0: 0.5 / len(good), 0.0: 0.5 / len(bad)}
    weights, squares = np.zeros(BUCKETS + 1), np.full(BUCKETS + 1, 1e-8)
    order = np.random.default_rng(0)
    for _ in range(PASSES):
        for index in order.permutation(len(examples)):
            (places, values), label = examples[index]
            error = _sigmoid(weights[places] @ values) - label
            gradient = error * values * shares[label] * len(examples)
            squares[places] += gradient**2
            weights[places] -= RATE * gradient / np.sqrt(squares[places])
    return Classifier(weights)


def held_out_accuracy(good: Sequence[str], bad: Sequence[str]) -> float:
    """Of a classifier that has not seen every fifth example, on these: the mean of both kinds. Of many examples the
    first are taken, so that it stays a matter of seconds."""
    good, bad = good[:MOST_TRIED], bad[:MOST_TRIED]
    classifier = learn(*([text for number, text in enumerate(texts) if number % 5] for texts in (good, bad)))
    right = [
        np.mean([(classifier.score(text) >= 0.5) == is_good for text in texts[::5]])
        for texts, is_good in ((good, True), (bad, False))
    ]
    return float(np.mean(right))


def read_examples(paths: Sequence[str], key: str) -> list[str]:
    """The texts of the files.

    Args:
        key: of the setting that names them, for messages.

    Raises:
        UserError: where a path names nothing, a row has no text, or there are too few examples.
    """
    texts = [text for path in expand_paths(paths) for text in _texts(path) if text.strip()]
    if len(texts) < FEWEST:
        there = counted(len(texts), "example")
        raise UserError(f"clean.filters.quality.{key} has {there}; bring {FEWEST} at least")
    return texts


def _texts(path: Path) -> Iterator[str]:
    if path.suffix.lower() in TEXT_ENDINGS:
        yield path.read_text(encoding="utf-8", errors="replace")
        return
    yield from read_each(path, _text)


def _text(where: str, row: Fields) -> str:
    if not isinstance(row.get(FIELD), str):
        raise UserError(f"{where}: an example needs its text in a field {FIELD!r}; it has {', '.join(row)}")
    return row[FIELD]


@cache
def _learned(good: tuple[str, ...], bad: tuple[str, ...]) -> Classifier:
    return learn(read_examples(good, "good"), read_examples(bad, "bad"))


def _score(text: str, own: Quality) -> float:
    return _learned(tuple(own.good), tuple(own.bad)).score(text)


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -30, 30))))


RULES = (Rule("low_quality", "quality.min_score", lambda text, own: _score(text.text, own) < own.min_score),)
