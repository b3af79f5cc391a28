"""Generated texts with their references, and what all metrics make of them: results with bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.results import Bootstrap, Result


@dataclass(frozen=True)
class GeneratedTexts:
    """Predictions with one or more references each."""

    predictions: Sequence[str]
    references: Sequence[Sequence[str]]
    bootstrap: Bootstrap
    decoding: str
    """How the predictions were made; every signature ends with it."""
    model: str = "finetune"

    def mean(self, name: str, scores: np.ndarray, signature: str) -> Result:
        """The mean of scores in [0, 1], one per example, as a percentage."""
        return self.result(name, lambda rows: 100 * float(scores[rows].mean()), signature)

    def result(
        self,
        name: str,
        statistic: Callable[[np.ndarray], float],
        signature: str,
        *,
        resample: bool = True,
    ) -> Result:
        """A figure of all examples with its interval: `statistic(rows)` is its value for these of them.

        Args:
            resample: False where the value of texts that come twice says nothing, so that there is no interval.
        """
        bootstrap = self.bootstrap if resample else replace(self.bootstrap, resamples=0)
        signature = f"{signature}|{self.decoding}"
        return bootstrap.result(self.model, name, statistic, len(self.predictions), signature)
