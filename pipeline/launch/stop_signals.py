"""Being told to stop: SIGTERM and SIGUSR1, as SLURM sends them before a time limit and on preemption."""

import signal
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class ToldToStop(BaseException):
    """A signal asked the work to end, to be started again from what is there; like an interrupt, no
    `except Exception` stops it."""


def stop_when_told() -> None:
    """From here on the signals raise `ToldToStop`, once: until the work handles them itself."""
    for number in SIGNALS:
        signal.signal(number, _stop)


def _stop(number: int, frame: object) -> NoReturn:
    for further in SIGNALS:
        signal.signal(further, signal.SIG_IGN)
    raise ToldToStop
