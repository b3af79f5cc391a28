"""The order of samples: a bijection per epoch, the same from anywhere, cheap at any position."""

import tracemalloc

import numpy as np
import pytest

from train.data.order import SampleOrder


@pytest.mark.parametrize("size", [1, 2, 3, 10, 255, 256, 257, 5000])
def test_every_epoch_sees_every_item_once(size: int) -> None:
    order = SampleOrder(size, seed=3)
    for epoch in (0, 1, 1000):
        items = order.items(np.arange(epoch * size, (epoch + 1) * size))
        assert sorted(items) == list(range(size))


def test_epochs_and_seeds_differ() -> None:
    first, second = (SampleOrder(1000, seed).items(np.arange(2000)) for seed in (1, 2))
    assert (first[:1000] != first[1000:]).mean() > 0.9
    assert (first != second).mean() > 0.9


def test_the_order_is_a_function_of_seed_and_number_alone() -> None:
    whole = SampleOrder(777, 5).items(np.arange(5000))
    assert (SampleOrder(777, 5).items(np.arange(4000, 4100)) == whole[4000:4100]).all()


def test_neighbours_are_scattered() -> None:
    items = SampleOrder(100_000, 9).items(np.arange(100_000))
    assert abs(np.corrcoef(items[:-1], items[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(np.arange(100_000), items)[0, 1]) < 0.02


def test_sample_one_billion_takes_the_memory_that_sample_zero_does() -> None:
    """No table of the order is kept, and none is made on the way to a sample."""

    def peak(start: int) -> int:
        tracemalloc.start()
        SampleOrder(3_000_000_000, 1).items(np.arange(start, start + 512))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(0)
    assert peak(10**9) < 1.5 * peak(0) < 1_000_000
