"""A training that somebody else's loop runs, a step at a time."""

import threading
from collections.abc import Callable

_PATIENCE = 600.0  # seconds that a step may take, else the other loop is taken to be dead


class Paced:
    """Runs it in a thread of its own, which waits while nobody asks for a step."""

    def __init__(self, train: Callable[[Callable[[], None]], object]):
        """
        Args:
            train: trains, and calls what it is given at the end of each step.
        """
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None
        threading.Thread(target=self._run, args=(train,), daemon=True).start()

    def _run(self, train: Callable[[Callable[[], None]], object]) -> None:
        self._go.acquire()
        try:
            train(self._pause)
        except BaseException as error:
            self._failure = error
        self._paused.release()

    def _pause(self) -> None:
        self._paused.release()
        self._go.acquire()

    def step(self) -> None:
        """One step; the first has what comes before the training besides.

        Raises:
            RuntimeError: where the other loop has failed.
        """
        self._go.release()
        if not self._paused.acquire(timeout=_PATIENCE) or self._failure is not None:
            raise RuntimeError("the other loop made no step") from self._failure
