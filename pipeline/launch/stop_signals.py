"""Being told to stop: SIGTERM and SIGUSR1, as SLURM sends them before a time limit and on preemption, and Ctrl-C."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class ToldToStop(BaseException):
    """A signal asked the work to end, to be started again from what is there; like an interrupt, no
    `except Exception` stops it."""


def stop_when_told() -> None:
    """From here on the signals raise `ToldToStop`, once: until the work handles them itself."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def starting_deaf_to_interrupts() -> Generator[None]:
    """What is started inside gets no SIGINT until it unblocks it.

    The terminal sends Ctrl-C to all processes at once. Workers answer it when they are ready to; torchrun's agent,
    which would end them before they have saved anything, never does.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(number: int, frame: object) -> NoReturn:
    for further in SIGNALS:
        signal.signal(further, signal.SIG_IGN)
    raise ToldToStop
