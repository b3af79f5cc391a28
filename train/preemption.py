"""The signals by which a cluster asks a job to stop: SIGTERM and SIGUSR1."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class StopRequest:
    """Notes that a signal came; training looks after each step, writes a checkpoint and ends.

    Whoever sends one signal sends more (SLURM repeats, a launcher forwards): they change nothing.
    """

    def __init__(self) -> None:
        self.received = False

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = True
