"""Work spread over processes, with results in the order of the input and flat memory.

Why not `ProcessPoolExecutor`: in CPython 3.11 it waits for ever where a worker is killed while it still starts
another one. Here a thread of the parent holds the one pipe to each worker, so any end of a worker, at any time, is
an end of file.
"""

import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from pipeline.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

START_SECONDS = 300.0
"""In which a worker must have started; from a slow network disk, imports take a minute."""


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, setting: str | None = None
) -> Generator[Result]:
    """`function(item)` for each item, in order. `function` is pickled once per worker, items one by one.

    At most `2 * workers + 2` items are read ahead of the consumer, however long the input is. Where reading
    the items fails, the results of those before come first, as they would with one worker; then the error.
    With one worker everything happens in this process.

    Args:
        setting: what sets the number of workers, for the advice in errors.

    Raises:
        UserError: where a worker was killed, for want of memory most likely, or did not start.
    """
    if workers == 1:
        yield from map(function, items)
        return
    pool = _Pool(function, workers, setting)
    pending: deque[Future[Result]] = deque()
    iterator = iter(items)
    failure: Exception | None = None
    exhausted = False
    try:
        while True:
            while not exhausted and len(pending) < 2 * workers + 2:
                try:
                    pending.append(pool.submit(next(iterator)))
                except StopIteration:
                    exhausted = True
                except Exception as error:
                    exhausted, failure = True, error
            if not pending:
                break
            yield pending.popleft().result()
        if failure is not None:
            raise failure
    finally:
        pool.close()


class _Pool:
    """Processes that each apply the function to one item at a time."""

    def __init__(self, function: Callable[[Any], Any], workers: int, setting: str | None):
        # Not forked from this process: its threads (decompression, tracking) do not survive a fork.
        context = get_context("spawn")
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._workers: list[_Worker] = []
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        advice = f"set {setting} lower" if setting else "free some memory"
        try:
            for _ in range(workers):
                worker = _Worker(context, function, advice)
                self._workers.append(worker)
                self._free.put(worker)
        except BaseException:
            self.close()
            raise

    def submit(self, item: Any) -> Future[Any]:
        return self._threads.submit(self._call, item)

    def _call(self, item: Any) -> Any:
        worker = self._free.get()
        try:
            return worker.call(item)
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End the workers, whatever they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.process.terminate()
        self._threads.shutdown(wait=True)  # each sees its pipe end
        for worker in self._workers:
            worker.close()


class _Worker:
    def __init__(self, context: Any, function: Callable[[Any], Any], advice: str):
        self._pipe, theirs = context.Pipe()
        self._function, self._advice = function, advice
        self._ready = False
        self._deadline = time.monotonic() + START_SECONDS
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        with _interrupts_later():
            self.process.start()
        theirs.close()  # or the end of the process were no end of file

    def call(self, item: Any) -> Any:
        try:
            if not self._ready:
                self._start()
            self._pipe.send(item)
            succeeded, result = self._pipe.recv()
        except (EOFError, OSError):  # BrokenPipeError, ConnectionResetError
            raise UserError(self._end()) from None
        if not succeeded:
            raise result
        return result

    def _start(self) -> None:
        self._pipe.send(self._function)
        if not self._pipe.poll(max(0.0, self._deadline - time.monotonic())):
            raise UserError(
                f"a worker process did not start within {START_SECONDS:.0f} s: the machine or the disk that holds "
                f"Python's packages is overloaded; {self._advice} or start again later"
            )
        self._pipe.recv()
        self._ready = True

    def _end(self) -> str:
        self.process.join(10)
        code = self.process.exitcode
        if code is not None and code > 0:
            return f"a worker process ended with exit code {code}; what it said stands above"
        return f"a worker process was killed, most likely for want of memory; {self._advice}"

    def close(self) -> None:
        self.process.join()
        self._pipe.close()


@contextmanager
def _interrupts_later() -> Generator[None]:
    """A process that is started inside holds Ctrl-C back, too: while it imports, it would print a traceback."""
    resource_tracker.ensure_running()  # which lets interrupts through again where it must start first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """A worker's life: between two items it sees the end of the parent, however that ended, by its pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        function = pipe.recv()
        pipe.send(None)
        while True:
            pipe.send(_outcome(function, pipe.recv()))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """Within an item, too: another start of the stage may be at work as soon as the parent has ended."""
    if parent := parent_process():
        wait([parent.sentinel])
    os._exit(1)


def _outcome(function: Callable[[Item], Result], item: Item) -> tuple[bool, Result | Exception]:
    try:
        return True, function(item)
    except Exception as error:
        error.add_note("in a worker process:\n" + traceback.format_exc())
        return False, error
