"""Lines that tell the user how a run goes."""

from collections.abc import Callable

Announce = Callable[[str], None]
"""Prints a line for the user."""


def announce(message: str) -> None:
    print(message, flush=True)
