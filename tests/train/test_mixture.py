"""Mixtures: which part a sample comes from is exact at any distance, and no part repeats before it is through."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.data import DataConfig
from pipeline.errors import UserError
from train.data.batches import MicroBatches
from train.data.mixture import MixedOrder, Mixture, Shares
from train.data.order import SampleOrder

SIZES = {"wiki": 700, "news": 300, "code": 50}


def mixture(**data: object) -> Mixture:
    return Mixture(DataConfig(**data), SIZES, length=10)


def parts_of(items: np.ndarray) -> np.ndarray:
    return np.searchsorted([700, 1000], items, side="right")


def share_lists() -> st.SearchStrategy[list[int]]:
    small, large = st.integers(0, 9), st.integers(0, 10**12)
    return st.lists(st.one_of(small, large), min_size=1, max_size=6).filter(any)


@given(shares=share_lists(), start=st.one_of(st.integers(0, 3000), st.integers(0, 10**12)))
@settings(max_examples=200, deadline=None)
def test_every_prefix_has_each_parts_share(shares: list[int], start: int) -> None:
    dealt, whole = Shares(shares), sum(shares)
    counts = dealt.counts(start)
    assert sum(counts) == start
    for count, share in zip(counts, shares, strict=True):
        assert abs(count * whole - start * share) <= len(shares) * whole
    parts, indices = dealt.deal(np.arange(start, start + 50))
    for part, index in zip(parts, indices, strict=True):  # each number is the next one of its part
        assert index == counts[part]
        counts[part] += 1
    assert counts == dealt.counts(start + 50)


def test_after_a_whole_round_the_shares_are_exact() -> None:
    shares = [700, 0, 301, 50]
    for rounds in (1, 3, 10**9):
        assert Shares(shares).counts(1051 * rounds) == [share * rounds for share in shares]


def test_a_batch_holds_each_parts_share() -> None:
    order = mixture(weights={"wiki": 2, "news": 1, "code": 1}).order(steps=100, global_batch=16, seed=1)
    for step in range(100):
        counts = np.bincount(parts_of(order.items(np.arange(16 * step, 16 * step + 16))), minlength=3)
        assert abs(counts - [8, 4, 4]).max() <= 1


def test_budgets_are_met_exactly_in_an_epoch() -> None:
    passes = mixture(epochs={"wiki": 2, "news": 0.5, "code": 3.1})
    assert passes.epoch == 1400 + 150 + 155
    seen = Counter(passes.order(1705, 1, seed=1).items(np.arange(passes.epoch)).tolist())
    assert [seen[item] for item in range(700)] == [2] * 700
    assert sorted(seen[item] for item in range(700, 1000)) == [0] * 150 + [1] * 150
    assert sorted(seen[item] for item in range(1000, 1050)) == [3] * 45 + [4] * 5

    tokens = mixture(tokens={"news": 5000, "code": 995})
    assert tokens.epoch == 600
    items = tokens.order(600, 1, seed=1).items(np.arange(1200))
    assert np.bincount(parts_of(items[:600]), minlength=3).tolist() == [0, 500, 100]
    assert np.bincount(parts_of(items[600:]), minlength=3).tolist() == [0, 500, 100]


def test_up_sampled_parts_take_another_order_each_time() -> None:
    order = mixture(weights={"code": 1}).order(100, 1, seed=1)
    items = order.items(np.arange(100))
    assert sorted(items[:50]) == sorted(items[50:]) == list(range(1000, 1050))
    assert (items[:50] != items[50:]).mean() > 0.8


def test_phases_go_on_where_the_parts_stopped() -> None:
    phases = [
        {"until": 0.25, "weights": {"wiki": 1}},
        {"until": 6000, "weights": {"wiki": 1, "news": 1}},
        {"weights": {"news": 3, "code": 1}},
    ]
    order = mixture(phases=phases).order(steps=100, global_batch=10, seed=1)
    items = order.items(np.arange(1000))
    assert set(parts_of(items[:250])) == {0}
    assert np.bincount(parts_of(items[250:600]), minlength=3).tolist() == [175, 175, 0]
    assert np.bincount(parts_of(items[600:]), minlength=3).tolist() == [0, 300, 100]
    wiki, news, code = (items[parts_of(items) == part] for part in range(3))
    assert len(set(wiki)) == len(wiki) == 425
    assert sorted(set(news[:300])) == list(range(700, 1000))
    assert sorted(code[:50]) == sorted(code[50:]) == list(range(1000, 1050))
    assert order.counts(1000) == [425, 475, 100]
    assert order.counts(300) == [275, 25, 0]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"weights": {"wiki": 0.7, "news": 0.2, "code": 0.1}},
        {"epochs": {"wiki": 1, "code": 4}},
        {"phases": [{"until": 0.5, "weights": {"wiki": 1}}, {"weights": {"wiki": 1, "news": 2}}]},
    ],
)
def test_resumed_anywhere_and_on_any_number_of_ranks_the_order_is_the_same(data: dict) -> None:
    def samples(start: int, ranks: int, accumulation: int) -> list[list[int]]:
        """Of each step from `start` on, over all ranks."""
        order = mixture(**data).order(steps=60, global_batch=12, seed=5)
        steps: list[list[int]] = [[] for _ in range(start, 60)]
        for rank in range(ranks):
            parts = MicroBatches(12, accumulation, rank, ranks, steps=60, start=start)
            for number, part in enumerate(parts):
                steps[number // accumulation] += order.items(np.array(part)).tolist()
        return [sorted(step) for step in steps]

    whole = samples(0, 1, 1)
    for start, ranks, accumulation in ((1, 1, 1), (17, 2, 1), (30, 4, 3), (59, 2, 6)):
        assert samples(start, ranks, accumulation) == whole[start:]


def test_without_a_mixture_an_epoch_is_every_sequence_once_as_it_always_was() -> None:
    plain = mixture()
    items = plain.order(105, 10, seed=3).items(np.arange(1050))
    assert (items == SampleOrder(1050, 3).items(np.arange(1050))).all()
    assert plain.epoch == 1050


def test_a_part_keeps_its_order_when_another_one_joins() -> None:
    one = Mixture(DataConfig(weights={"wiki": 1}), {"wiki": 700}, 10).order(10, 10, seed=1)
    two = MixedOrder({"new": 5, "wiki": 700}, [(0, Shares([0, 1]))], seed=1)
    assert (one.items(np.arange(100)) == two.items(np.arange(100)) - 5).all()


def test_far_out_it_is_the_same_and_in_place() -> None:
    sizes = {"large": 3_000_000_000, "small": 7}
    order = Mixture(DataConfig(weights={"large": 1 / 3, "small": 0.1}), sizes, 10).order(1, 1, seed=1)
    samples = np.arange(10**12, 10**12 + 4096)
    items = order.items(samples)
    assert ((items >= 0) & (items < 3_000_000_007)).all()
    share = (items >= 3_000_000_000).mean()
    assert share == pytest.approx(0.1 / (1 / 3 + 0.1), abs=1e-3)
    assert (order.items(samples[1000:1100]) == items[1000:1100]).all()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"weights": {"wikki": 1}},
            "wikki, of which there is no training document; there are some of wiki, news, code",
        ),
        ({"phases": [{"weights": {"x": 1, "news": 1}}]}, "data names x"),
    ],
)
def test_a_part_that_there_is_not_is_the_users_mistake(data: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        mixture(**data)


@pytest.mark.parametrize("until", [0.001, 0.9999, 20_000])
def test_a_phase_without_a_step_is_the_users_mistake(until: float) -> None:
    phases = [{"until": until, "weights": {"wiki": 1}}, {"weights": {"news": 1}}]
    with pytest.raises(UserError, match=r"data\.phases\.0\.until"):
        mixture(phases=phases).order(steps=100, global_batch=10, seed=1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"weights": {"a": 1}, "epochs": {"a": 1}}, "at most one of .* weights, epochs"),
        ({"weights": {"a": 0, "b": 0}}, "weights leaves every part out"),
        ({"phases": [{"weights": {"a": 0}}]}, r"phases\.0\.weights leaves every part out"),
        ({"phases": [{"until": 0.5, "weights": {"a": 1}}]}, "lasts to the end of training"),
        (
            {"phases": [{"until": 0.5, "weights": {"a": 1}}] * 2 + [{"weights": {"a": 1}}]},
            r"phases\.1\.until=0\.5 leaves no training",
        ),
    ],
)
def test_what_the_section_alone_tells(data: dict, said: str) -> None:
    (problem,) = DataConfig(**data).problems()
    assert re.search(said, problem)
