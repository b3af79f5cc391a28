"""A line at the bottom of a terminal that is written again and again, below what is logged meanwhile."""

import os
import shutil
import sys

ON_LIVE_LINE = "on_live_line"
"""Attribute of a log record that the console leaves out, since the live line tells it."""


class LiveLine:
    """Nothing where standard output is no terminal that can do it."""

    def __init__(self) -> None:
        self._text = ""

    @property
    def is_possible(self) -> bool:
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, text: str) -> None:
        """Put this in place of what the line says, cut to the terminal's width."""
        if self.is_possible:
            self._text = text[: shutil.get_terminal_size().columns - 1]
            self.draw()

    def draw(self) -> None:
        """Write it again, with the cursor at its beginning: what another process prints then starts there."""
        if self._text:
            sys.stdout.write(f"\r\x1b[2K{self._text}\r")
            sys.stdout.flush()

    def clear(self) -> None:
        """Make room for other lines; `draw` brings it back."""
        if self._text:
            sys.stdout.write("\r\x1b[2K")
            sys.stdout.flush()

    def close(self) -> None:
        """Take it away."""
        self.clear()
        self._text = ""


LIVE_LINE = LiveLine()
"""That of this process."""
