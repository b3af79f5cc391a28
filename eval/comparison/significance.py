"""Whether two systems' scores on the same examples differ by more than chance.

Two tests, as sacrebleu has them (Post, 2018): the paired bootstrap (Koehn, 2004), which draws examples, and approximate
randomization (Riezler and Maxwell, 2005), which exchanges the two systems' outputs for some. They work for any figure
that is a function of which outputs count: a metric scores the outputs of both systems as one list of 2 N, and the rows
0 … N-1 are the first system's, N … 2 N-1 the second's. So any metric can be tested, a plugin's too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from eval.results import Bootstrap, Result
from pipeline.config.evaluation import FEWEST_UNITS

Statistic = Callable[[np.ndarray], float]
"""A figure's value for these rows."""
TOLERANCE = 1e-9
"""Differences that are as large up to rounding count as equal."""


@dataclass(frozen=True)
class Draws:
    """How sure differences are to be."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Recorder(Bootstrap):
    """Instead of drawing resamples it keeps the statistics that it is asked to draw for."""

    statistics: dict[str, Statistic | None] = field(default_factory=dict[str, Statistic | None])
    """By the figure's name; None where resamples say nothing of it."""

    def result(self, model: str, name: str, statistic: Statistic, units: int, signature: str) -> Result:
        self.statistics[name] = statistic if self.resamples else None
        first, second = np.split(np.arange(units), 2)
        value, other = statistic(first), statistic(second)
        return PairedResult(model, name, float(value), None, None, units // 2, signature, other=float(other))


@dataclass(frozen=True)
class PairedResult(Result):
    """A figure of two systems on the same examples: `value` is the first's."""

    other: float = 0.0


@dataclass(frozen=True)
class Significance:
    """How sure a difference is."""

    difference: float
    """The second system's value less the first's."""
    low: float
    high: float
    """Ends of the bootstrap interval of the difference."""
    bootstrap_p: float
    """By the paired bootstrap: how often chance alone would make so large a difference."""
    randomization_p: float
    """By approximate randomization."""


def compare_systems(statistic: Statistic, examples: int, draws: Draws) -> Significance | None:
    """Both tests, or None for fewer than `FEWEST_UNITS` examples.

    The p-values are two-sided, (c + 1) / (resamples + 1), c being how many resamples go at least as far as the
    difference that there is. sacrebleu counts those that go farther: the same, but where many differences are equal,
    as with exact match, of which it would be too sure.
    """
    if examples < FEWEST_UNITS:
        return None
    rows = np.arange(examples)

    def differ(first: np.ndarray, second: np.ndarray) -> float:
        return statistic(second) - statistic(first)

    difference = differ(rows, rows + examples)
    picked = np.random.default_rng(draws.seed).choice(examples, (draws.resamples, examples))
    drawn = np.array([differ(rows, rows + examples) for rows in picked])
    far = np.abs(drawn)
    exchanged = np.random.default_rng(draws.seed).integers(2, size=(draws.resamples, examples), dtype=bool)
    shuffled = np.array([abs(differ(rows + examples * ~kept, rows + examples * kept)) for kept in exchanged])
    tail = (1 - draws.confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Significance(
        difference,
        float(low),
        float(high),
        _p_value(far - far.mean(), abs(difference)),
        _p_value(shuffled, abs(difference)),
    )


def _p_value(differences: np.ndarray, found: float) -> float:
    return float((differences >= found - TOLERANCE).sum() + 1) / (len(differences) + 1)
