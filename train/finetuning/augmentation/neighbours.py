"""Replacement of words by those of the nearest vectors, as synonyms where there is no WordNet (Wang and Yang, 2015)."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from pipeline.config.augmentation import AugmentationConfig
from pipeline.errors import UserError

NEAREST = 5
"""Words that one is drawn from."""
ALIKE = 0.5
"""Least cosine of two vectors whose words may replace each other: the nearest to a rare word may be unlike it."""


def prepare(settings: AugmentationConfig) -> "Neighbours":
    """Read the file of `finetune.augmentation.vectors`.

    Raises:
        UserError: where it is none of word2vec's, or there is none.
    """
    from train.models.word_vectors import read_all_vectors

    if settings.vectors is None:
        raise UserError("finetune.augmentation.by=[neighbours] needs finetune.augmentation.vectors=FILE")
    return Neighbours(read_all_vectors(Path(settings.vectors).expanduser()))


class Neighbours:
    """Knows of each word the nearest ones."""

    def __init__(self, vectors: dict[str, np.ndarray]):
        """Args: vectors: of each word, fp32 [D]."""
        self._words = list(vectors)
        self._places = {word: place for place, word in enumerate(self._words)}
        matrix = np.stack(list(vectors.values()))
        self._directions = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
        self._nearest = cache(self._find)

    def change(self, words: Sequence[str], draw: Random, rate: float) -> list[str]:
        """Replace as many words as the rate says of their number, once at least where one has a neighbour."""
        changed = list(words)
        wanted = max(1, round(rate * len(changed)))
        for place in draw.sample(range(len(changed)), len(changed)):
            if wanted and (near := self._nearest(changed[place])):
                changed[place] = draw.choice(near)
                wanted -= 1
        return changed

    def _find(self, word: str) -> list[str]:
        """The nearest first; none of a word that has no vector."""
        place = self._places.get(word, self._places.get(word.lower()))
        if place is None or not word.isalpha():
            return []
        likeness = self._directions @ self._directions[place]
        order = np.argsort(-likeness, kind="stable")[
            : NEAREST + 3
        ]  # itself is there, and perhaps in another case
        others = [other for other in order if self._words[other].lower() != word.lower()]
        return [self._words[other] for other in others if likeness[other] >= ALIKE][:NEAREST]
