"""What training does when it is told to stop."""

import signal
from types import FrameType

from pipeline.launch.stop_signals import SIGNALS


class StopRequest:
    """Notes that a signal came; training looks after each step, writes a checkpoint and ends.

    Whoever sends one signal sends more (SLURM repeats, a launcher forwards): they change nothing. Only a second
    Ctrl-C does: it ends the process at once.
    """

    def __init__(self) -> None:
        self.received = False
        self._interrupted = False

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._interrupted:
            raise KeyboardInterrupt
        self._interrupted |= number == signal.SIGINT
        self.received = True
