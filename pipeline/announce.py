"""Lines that tell the user how a run goes."""

import re
import sys
from collections.abc import Callable

from pipeline.text.wrapping import below_its_stage

Announce = Callable[[str], None]
"""Prints a line for the user."""
_STAGE = re.compile(r"[a-z]+ *\| |")


def announce(message: str) -> None:
    if sys.stdout.isatty() and (stage := _STAGE.match(message)):
        message = below_its_stage(stage[0], message[stage.end() :])
    print(message, flush=True)
