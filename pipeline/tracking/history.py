"""How far a piece of work came over time, in the stage's metrics."""

import re
import time

from pipeline.progress import Progress
from pipeline.tracking.tracker import Tracker

EVERY_SECONDS = 5.0


class History:
    """Counts the work as its bar does, and logs amount and rate every few seconds and at the end."""

    def __init__(
        self, bar: Progress, tracker: Tracker, label: str, unit: str, scale: float, items: str | None
    ):
        self._bar, self._tracker, self._scale = bar, tracker, scale
        self._label, self._unit, self._item = re.sub(r"\W+", "_", label), unit, items
        self._step = tracker.last_step() + 1  # behind what other work, or an earlier start, has logged
        self._done, self._items = 0.0, 0
        self._told = True
        """Whether all that is done is logged."""
        self._started = self._logged = time.monotonic()

    def advance(self, amount: float = 1.0, items: int = 0) -> None:
        self._bar.advance(amount, items)
        self._done += amount
        self._items += items
        self._told = False
        if time.monotonic() - self._logged >= EVERY_SECONDS:
            self._log()

    def close(self) -> None:
        if not self._told:
            self._log()

    def _log(self) -> None:
        self._logged, self._told = time.monotonic(), True
        seconds = max(self._logged - self._started, 1e-9)
        figures = {self._unit: self._done / self._scale}
        if self._item:
            figures[self._item] = self._items
        rates = {f"{name}_per_second": value / seconds for name, value in figures.items()}
        metrics = {"seconds": seconds, **figures, **rates}
        self._tracker.log({f"{self._label}/{name}": value for name, value in metrics.items()}, self._step)
        self._step += 1
