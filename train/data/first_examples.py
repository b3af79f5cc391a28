"""The first examples of a data set alone."""

import numpy as np

from train.data.batches import Batch, Examples


class FirstExamples:
    """Those with the lowest indices, and no others."""

    def __init__(self, examples: Examples, count: int):
        self._examples, self._count = examples, count

    def __len__(self) -> int:
        return self._count

    def target_counts(self, indices: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return self._examples.target_counts(indices, samples)

    def collate(self, indices: np.ndarray, samples: np.ndarray) -> Batch:
        return self._examples.collate(indices, samples)


def first_examples(examples: Examples, most: int | None) -> Examples:
    """At most so many of them; all where it is None."""
    return examples if most is None or most >= len(examples) else FirstExamples(examples, most)
