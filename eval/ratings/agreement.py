"""Krippendorff's α: how much raters agree beyond chance, 1 for always and 0 for as chance has it.

Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. Raters may leave units out.
"""

from typing import Literal

import numpy as np

Scale = Literal["nominal", "ordinal"]


def krippendorff_alpha(ratings: np.ndarray, scale: Scale) -> float | None:
    """α, or None where no unit has two ratings.

    Where all ratings are the same there is nothing to disagree on, and it is 1.

    Args:
        ratings: float [raters, units]; nan where there is none.
        scale: whether values are names, or have an order.
    """
    values = np.unique(ratings[~np.isnan(ratings)])
    counts = (
        np.stack([(ratings == value).sum(0) for value in values], -1) if len(values) else np.zeros((0, 0))
    )
    counts = counts[counts.sum(-1) >= 2].astype(float)  # [units, values]
    if not len(counts):
        return None
    weights = 1 / (counts.sum(-1) - 1)
    coincidences = np.einsum("uc,uk,u->ck", counts, counts, weights)
    coincidences -= np.diag((counts * weights[:, None]).sum(0))  # a rating is no pair with itself
    totals = coincidences.sum(0)
    differences = _squared_differences(totals, scale)
    expected = (np.outer(totals, totals) * differences).sum() / (totals.sum() - 1)
    observed = (coincidences * differences).sum()
    return 1.0 if expected == 0 else float(1 - observed / expected)


def _squared_differences(totals: np.ndarray, scale: Scale) -> np.ndarray:
    """Of each two values how far they are from each other, [values, values].

    Args:
        totals: how often each value is in a pair, [values] in their order.
    """
    size = len(totals)
    if scale == "nominal":
        return 1 - np.eye(size)
    middle = np.cumsum(totals) - totals / 2
    return (middle[:, None] - middle[None, :]) ** 2
