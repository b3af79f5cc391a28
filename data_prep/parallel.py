"""Work spread over processes, with results in the order of the input and flat memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from pipeline.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`function(item)` for each item, in order. `function` is pickled once per worker, items one by one.

    At most `2 * workers + 2` items are read ahead of the consumer, however long the input is. Where reading
    the items fails, the results of those before come first, as they would with one worker; then the error.
    With one worker everything happens in this process.

    Raises:
        UserError: where the system ended a worker, for want of memory most likely.
    """
    if workers == 1:
        yield from map(function, items)
        return
    # Not forked from this process: its threads (decompression, tracking) do not survive a fork.
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_keep, initargs=(function,))
    pending: deque[Future[Result]] = deque()
    iterator = iter(items)
    failure: Exception | None = None
    exhausted = False
    try:
        while True:
            while not exhausted and len(pending) < 2 * workers + 2:
                try:
                    pending.append(pool.submit(_call, next(iterator)))
                except StopIteration:
                    exhausted = True
                except BrokenProcessPool:
                    raise
                except Exception as error:
                    exhausted, failure = True, error
            if not pending:
                break
            yield pending.popleft().result()
        if failure is not None:
            raise failure
    except BrokenProcessPool:
        raise UserError(
            "a worker process was ended by the system, most likely because memory ran out; use fewer workers "
            "(clean.workers=1) or a machine with more memory"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _keep(function: Callable) -> None:
    global _function
    _function = function


def _call(item: Item) -> Result:
    return _function(item)
