"""The skew-normal distribution (Azzalini, 1985): a normal one of which one tail is longer than the other."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

MOST_SKEWNESS = 0.99
"""A skew-normal distribution's own is below 0.9953."""
REACH, POINTS = 12.0, 1 << 14
"""How far to the left the density is integrated, in scales, and at how many points."""


@dataclass(frozen=True)
class SkewNormal:
    """The density 2 / scale · φ(z) · Φ(shape · z) with z = (x - location) / scale."""

    location: float
    scale: float
    shape: float

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """The one that has the values' mean, variance and skewness."""
        mean, deviation = float(values.mean()), float(values.std())
        if not deviation:
            return cls(mean, 1e-12, 0.0)
        skewness = float((((values - mean) / deviation) ** 3).mean())
        power = min(abs(skewness), MOST_SKEWNESS) ** (2 / 3)
        delta = math.sqrt(math.pi / 2 * power / (power + ((4 - math.pi) / 2) ** (2 / 3)))
        delta = math.copysign(delta, skewness)
        scale = deviation / math.sqrt(1 - 2 * delta**2 / math.pi)
        return cls(mean - scale * delta * math.sqrt(2 / math.pi), scale, delta / math.sqrt(1 - delta**2))

    def log2_share_below(self, value: float) -> float:
        """The binary logarithm of the probability of at most `value`, also of one so small that it would round to 0."""
        z = (value - self.location) / self.scale
        # The density's logarithm is summed, not the density: far from the middle that is 0 in any float.
        places = torch.linspace(min(z, 0.0) - REACH, z, POINTS, dtype=torch.float64)
        logs = -(places**2) / 2 + torch.special.log_ndtr(self.shape * places)
        logs[[0, -1]] -= math.log(2)  # the trapezoidal rule
        step = float(places[1] - places[0])
        total = float(torch.logsumexp(logs, 0)) + math.log(2 * step / math.sqrt(2 * math.pi))
        return min(total / math.log(2), 0.0)
