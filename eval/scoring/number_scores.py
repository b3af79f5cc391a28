"""Scores of numbers that a model gives to texts: how they vary with those expected, and how far they are off."""

from collections.abc import Callable

import numpy as np

from eval.results import Bootstrap, Figure, Result, shown

FIGURES = {
    "pearson": Figure("Pearson correlation", "Pearson {:.1f}%"),
    "spearman": Figure("Spearman correlation", "Spearman {:.1f}%"),
    "absolute_error": Figure("Mean absolute error", None, "lower"),
    "squared_error": Figure("Root of the mean squared error", None, "lower"),
}


def number_results(
    model: str, predicted: np.ndarray, expected: np.ndarray, bootstrap: Bootstrap
) -> list[Result]:
    """Correlations times 100, errors in the numbers' own unit.

    Args:
        predicted, expected: fp64 [N].
    """

    def off(rows: np.ndarray) -> np.ndarray:
        return predicted[rows] - expected[rows]

    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "pearson": lambda rows: 100 * pearson(predicted[rows], expected[rows]),
        "spearman": lambda rows: 100 * pearson(ranks(predicted[rows]), ranks(expected[rows])),
        "absolute_error": lambda rows: float(np.abs(off(rows)).mean()),
        "squared_error": lambda rows: float(np.sqrt((off(rows) ** 2).mean())),
    }
    results = [
        bootstrap.result(model, name, statistic, len(expected), "numbers")
        for name, statistic in statistics.items()
    ]
    return shown(results, FIGURES)


def pearson(left: np.ndarray, right: np.ndarray) -> float:
    """The correlation of two rows of numbers; 0 where one of them does not vary."""
    left, right = left - left.mean(), right - right.mean()
    spread = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / spread if spread > 0 else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """Each number's rank from 0; equal ones share the mean of theirs. Their correlation is Spearman's (1904)."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[places]
