"""What a sweep shows while it runs: lines of what happens and, on a terminal, the running jobs below them."""

import time
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.progress import clock

TAIL_BYTES = 4096


class Board:
    """A context: the running jobs are shown within it. Elsewhere than on a terminal there are only the lines."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[str, float, Path]] = {}
        console = Console()
        self._live = (
            Live(console=console, get_renderable=self._table, refresh_per_second=2, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def announce(self, message: str) -> None:
        """Print a line, above the jobs."""
        if self._live:
            self._live.console.print(message, markup=False, highlight=False, soft_wrap=True)
        else:
            print(message, flush=True)

    def started(self, run: str, label: str, log: Path) -> None:
        """Args: label: what the job is called here; log: what it prints."""
        self._running[run] = label, time.monotonic(), log

    def ended(self, run: str) -> None:
        self._running.pop(run, None)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True, min_width=7)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for label, started, log in list(self._running.values()):
            table.add_row(label, clock(time.monotonic() - started), last_line(log), style="dim")
        return table


def last_line(log: Path) -> str:
    """Of a file that is being written; empty where there is none yet."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
