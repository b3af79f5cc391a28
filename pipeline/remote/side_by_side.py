"""Transfers of several files at a time: they share a progress bar, and where one fails the others end soon."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from pipeline.progress import Progress
from pipeline.remote.errors import Stopped

Transfer = Callable[[Callable[[int], None], threading.Event], None]
"""Fetches a file. It tells the function given to it of bytes that came, and ends with `Stopped` where the event is
set."""


def side_by_side(
    transfers: Iterable[Transfer], connections: int, shown: AbstractContextManager[Progress]
) -> None:
    """Do the transfers, at most `connections` at a time.

    Args:
        shown: counts the bytes.

    Raises:
        Exception: that of the first transfer that failed, once all have ended.
    """
    stop, lock = threading.Event(), threading.Lock()
    with (
        shown as bar,
        ThreadPoolExecutor(connections) as pool,
    ):

        def advance(amount: int) -> None:
            if stop.is_set():
                raise Stopped
            with lock:
                bar.advance(amount)

        def begin(transfer: Transfer) -> None:
            if not stop.is_set():
                transfer(advance, stop)

        tasks = [pool.submit(begin, transfer) for transfer in transfers]
        try:
            wait(tasks, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()  # after a failure or an interrupt the others need not go on; what came of each is kept
    errors = [error for task in tasks if (error := task.exception()) and not isinstance(error, Stopped)]
    if errors:
        raise errors[0]
