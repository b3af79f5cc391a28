"""Work over processes: order, read-ahead, errors, and workers that die."""

import os
import time
from collections.abc import Iterator

import pytest

from data_prep.parallel import ordered_map
from pipeline.errors import UserError


def square_slowly_at_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def numbers_then_error(count: int) -> Iterator[int]:
    yield from range(count)
    raise UserError("the file is cut")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_an_error_of_the_reader_after_them(workers: int) -> None:
    results = ordered_map(square_slowly_at_first, numbers_then_error(20), workers)
    assert [next(results) for _ in range(20)] == [number * number for number in range(20)]
    with pytest.raises(UserError, match="the file is cut"):
        next(results)


def test_no_more_is_read_ahead_than_said() -> None:
    read = 0

    def items() -> Iterator[int]:
        nonlocal read
        for number in range(1000):
            read += 1
            yield number

    results = ordered_map(square_slowly_at_first, items(), 2)
    for _ in range(10):
        next(results)
    assert read <= 10 + 6
    results.close()


def test_a_worker_that_the_system_ended_is_explained() -> None:
    with pytest.raises(UserError, match="memory ran out"):
        list(ordered_map(die_at_three, range(10), 2))
