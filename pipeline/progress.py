"""Progress of long work with rate and ETA: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Task

LINE_EVERY_SECONDS = 10.0
QUICK_SECONDS = 1.0
"""A bar that lived no longer is taken away."""
FIGURES_WIDTH = 68
"""Columns that a bar's label and figures need."""


class Progress(Protocol):
    """What counts the work."""

    def advance(self, amount: float = 1.0, items: int = 0) -> None:
        """Count work that is done, in the unit of the total, and the items that were in it."""


@contextmanager
def progress(
    label: str,
    total: float | None,
    unit: str,
    scale: float = 1.0,
    enabled: bool = True,
    items: str | None = None,
) -> Generator[Progress]:
    """Shows how far a piece of work is, and how fast it goes.

    Args:
        total: amount of work; None where unknown.
        unit: name of what is shown.
        scale: amount per shown unit: 1e6 shows bytes as MB.
        enabled: False shows nothing: for ranks above 0, tests and `run.progress=false`.
        items: what else is counted, such as documents; shown as a rate.
    """
    if not enabled:
        yield _Silent()
        return
    make = _Bar if sys.stdout.isatty() else _Lines
    shown, finished = make(label, total, unit, scale, items), False
    try:
        yield shown
        finished = True
    except GeneratorExit:  # who takes what is made here has enough of it
        finished = True
        raise
    finally:
        shown.close(finished)


def describe_progress(
    done: float,
    total: float | None,
    seconds: float,
    unit: str,
    scale: float,
    items: tuple[str, int] | None = None,
    finished: bool = False,
) -> str:
    """Amount, rate and, where the total is known, share and time left, or at the end the time taken; of items, by name
    and number, the rate."""
    rate = done / seconds if seconds > 0 else 0.0
    text = f"{_amount(done / scale, scale)} {unit}, {_amount(rate / scale, scale)} {unit}/s"
    if items and seconds > 0:
        text += f", {_amount(items[1] / seconds, 1)} {items[0]}/s"
    if finished:
        text += f", done in {clock(seconds)}"
    elif total and rate:
        left = max(total - done, 0.0) / rate
        text += f", {min(done / total, 1.0):.0%}, ETA {clock(left)}"
    return text


class _Silent:
    def advance(self, amount: float = 1.0, items: int = 0) -> None:
        pass


class _Lines:
    """For logs: nothing about short work, and a line every ten seconds about long work."""

    def __init__(self, label: str, total: float | None, unit: str, scale: float, items: str | None):
        self._label, self._total, self._unit, self._scale = label, total, unit, scale
        self._done, self._item, self._items = 0.0, items, 0
        self._started = self._last_line = time.monotonic()

    def advance(self, amount: float = 1.0, items: int = 0) -> None:
        self._done += amount
        self._items += items
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = now
            self._print(now)

    def close(self, finished: bool) -> None:
        if self._last_line > self._started:
            self._print(time.monotonic(), finished)

    def _print(self, now: float, finished: bool = False) -> None:
        seconds = now - self._started
        items = (self._item, self._items) if self._item else None
        text = describe_progress(self._done, self._total, seconds, self._unit, self._scale, items, finished)
        print(f"{self._label}: {text}", flush=True)


class _Bar:
    """For terminals."""

    def __init__(self, label: str, total: float | None, unit: str, scale: float, items: str | None):
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as Display
        from rich.table import Column
        from rich.text import Text

        class Figures(ProgressColumn):
            def render(self, task: "Task") -> Text:
                counted = (items, task.fields["items"]) if items else None
                seconds = task.elapsed or 0.0
                text = describe_progress(
                    task.completed, task.total, seconds, unit, scale, counted, task.finished
                )
                return Text(text, style="dim")

        self._display = Display(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=min(max(Console().width - FIGURES_WIDTH, 8), 40)),
            Figures(table_column=Column(no_wrap=True)),
        )
        self._display.start()
        self._task = self._display.add_task(label, total=total, items=0)
        self._started = time.monotonic()

    def advance(self, amount: float = 1.0, items: int = 0) -> None:
        counted = self._display.tasks[self._task].fields["items"] + items
        self._display.update(self._task, advance=amount, items=counted)

    def close(self, finished: bool) -> None:
        if finished:  # all that there was, whatever was expected
            self._display.update(self._task, total=self._display.tasks[self._task].completed)
        # What took no time is nothing to tell of.
        self._display.live.transient = time.monotonic() - self._started < QUICK_SECONDS
        self._display.stop()


def _amount(value: float, scale: float) -> str:
    """Whole numbers for what is counted, a decimal for what is measured."""
    return f"{value:,.0f}" if scale == 1 and value >= 10 else f"{value:,.1f}"


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
