"""Fits of a loss against the size of a model, its data or its compute."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POINTS_FOR_FLOOR = 5
"""With fewer points than this the three parameters of the law with a floor would follow noise."""
FLOORS = 400


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = floor + scale / x^exponent."""

    scale: float
    exponent: float
    floor: float
    error: float
    """Root mean square of the differences in log L."""

    def __call__(self, x: float) -> float:
        return self.floor + self.scale * x**-self.exponent

    def formula(self, loss: str, x: str) -> str:
        floor = f"{self.floor:.3g} + " if self.floor else ""
        return f"{loss} = {floor}{self.scale:.3g} / {x}^{self.exponent:.3g}"


def fit_power_law(x: Sequence[float], loss: Sequence[float]) -> PowerLaw | None:
    """Least squares in log L, with a floor E (Hoffmann et al., 2022) from five points on, else without (Kaplan et al.,
    2020).

    For a given floor the law is a line, log(L − E) = log A − a log x, so that only the floor is searched for.

    Returns:
        None for fewer than three points of different x, or values that are not positive.
    """
    sizes, losses = np.asarray(x, dtype=float), np.asarray(loss, dtype=float)
    if len(np.unique(sizes)) < 3 or (sizes <= 0).any() or (losses <= 0).any():
        return None
    floors = np.linspace(0, 0.999 * losses.min(), FLOORS) if len(sizes) >= POINTS_FOR_FLOOR else [0.0]
    laws = [_fit_with_floor(np.log(sizes), losses, float(floor)) for floor in floors]
    return min(laws, key=lambda law: law.error)


def _fit_with_floor(log_x: np.ndarray, loss: np.ndarray, floor: float) -> PowerLaw:
    slope, intercept = np.polyfit(log_x, np.log(loss - floor), 1)
    predicted = floor + np.exp(intercept + slope * log_x)
    error = float(np.sqrt(np.mean((np.log(predicted) - np.log(loss)) ** 2)))
    return PowerLaw(float(np.exp(intercept)), float(-slope), floor, error)
