"""An order of training samples in which each step takes examples of about one length, so that little is padded."""

import numpy as np

from train.data.order import Order, SampleOrder

STEPS = 32
"""Steps whose samples are sorted together: more of them pad less, and make a step's lengths more alike."""


class LengthOrder:
    """The samples of a few steps of another order, sorted by length, and these steps in random order.

    So it is as pure a function of seed and sample number as that order, and over a whole training each example comes
    as often as there.
    """

    def __init__(self, order: Order, lengths: np.ndarray, global_batch: int, steps: int, seed: int):
        """
        Args:
            lengths: of each example, in any unit.
            steps: of the whole training: the last samples that are sorted together end with it.
        """
        self._order, self._lengths = order, lengths
        self._batch, self._steps = global_batch, steps
        self._seed = seed
        self._sorted: tuple[tuple[int, int], np.ndarray] | None = None

    def items(self, samples: np.ndarray) -> np.ndarray:
        samples = np.asarray(samples, dtype=np.int64)
        steps, places = samples // self._batch, samples % self._batch
        found = np.empty_like(samples)
        for step in np.unique(steps):
            chosen = steps == step
            found[chosen] = self._step(int(step))[places[chosen]]
        return found

    def common_samples(self, other: Order) -> int | None:
        return 0

    def _step(self, step: int) -> np.ndarray:
        """The examples of one step, int64 [global batch]."""
        first, end = self._together(step)
        if self._sorted is None or self._sorted[0] != (first, end):
            items = self._order.items(np.arange(first * self._batch, end * self._batch))
            by_length = items[np.argsort(self._lengths[items], kind="stable")]
            self._sorted = (first, end), by_length.reshape(end - first, self._batch)
        count = end - first
        shuffled = SampleOrder(count, self._seed).items(np.arange(first * count, (first + 1) * count))
        return self._sorted[1][shuffled[step - first]]

    def _together(self, step: int) -> tuple[int, int]:
        """The first of the steps that are sorted with this one, and the one after the last."""
        first = step // STEPS * STEPS
        end = first + STEPS
        if first < self._steps < end:
            return (first, self._steps) if step < self._steps else (self._steps, end)
        return first, end
