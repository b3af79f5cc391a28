"""Straight lines through measured costs, and what they say of larger inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """cost = constant + slope * size, fitted to relative errors: small inputs count as much as large ones."""

    constant: float
    slope: float
    error: float
    """Standard error of the slope; NaN for two points, which any line meets."""
    r_squared: float
    exponent: float
    """Slope of a line through the logarithms of size and of cost without the constant: 1 where it grows in proportion.
    NaN where the constant is most of the cost."""

    def at(self, size: float) -> float:
        return self.constant + self.slope * size


def fit(sizes: Sequence[float], costs: Sequence[float]) -> Line:
    """Args: costs: positive, one for each size; at least two."""
    x, y = np.array(sizes, dtype=float), np.array(costs, dtype=float)
    rows = np.stack([np.ones_like(x), x], axis=1) / y[:, None]
    (constant, slope), *_ = np.linalg.lstsq(rows, np.ones_like(y), rcond=None)
    error = np.nan
    if len(x) > 2:
        left = rows @ [constant, slope] - 1
        variance = left @ left / (len(x) - 2) * np.linalg.inv(rows.T @ rows)
        error = variance[1, 1] ** 0.5
    predicted = constant + slope * x
    r_squared = 1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    grown = y - constant
    far = grown > 0.25 * y  # nearer to the constant, noise would decide
    exponent = np.polyfit(np.log(x[far]), np.log(grown[far]), 1)[0] if far.sum() > 1 else np.nan
    return Line(float(constant), float(slope), float(error), float(r_squared), float(exponent))
