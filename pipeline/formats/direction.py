"""Which of two values of a metric is the better one."""

from typing import Literal

Better = Literal["lower", "higher", "nearest_100"]
"""`nearest_100` is of a ratio in percent that is best where both sides are alike."""
BEST: dict[Better, str] = {
    "lower": "the lowest",
    "higher": "the highest",
    "nearest_100": "the nearest to 100",
}
"""What the best value is called."""
ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "nearest_100": "→100"}
"""In tables."""


def badness(better: Better, value: float) -> float:
    """A number that is the lower the better the value is."""
    match better:
        case "lower":
            return value
        case "higher":
            return -value
        case "nearest_100":
            return abs(value - 100)
