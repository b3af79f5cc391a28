"""The schedules at their landmarks."""

import math
from itertools import pairwise

import pytest

from pipeline.config.schedules import ScheduleConfig
from pipeline.config.schedules.cosine import CosineSchedule

NAMES = sorted(ScheduleConfig.choices())
FALLING = [name for name in NAMES if "min_ratio" in ScheduleConfig.choices()[name].model_fields]


def factors(total: int, **fields) -> list[float]:
    config = ScheduleConfig.choose(**fields)
    return [config.factor(step, total) for step in range(total)]


@pytest.mark.parametrize("name", NAMES)
def test_warmup_is_linear_and_reaches_the_peak(name):
    found = factors(100, name=name, warmup=10)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert found[10] == pytest.approx(1.0)
    assert max(found) == pytest.approx(1.0)


@pytest.mark.parametrize("name", FALLING)
@pytest.mark.parametrize("warmup", [0, 0.1, 5])
def test_ends_at_the_minimum(name, warmup):
    found = factors(200, name=name, warmup=warmup, min_ratio=0.25)
    assert found[-1] == pytest.approx(0.25)
    steps = CosineSchedule(warmup=warmup).warmup_steps(200)
    assert all(after <= before for before, after in pairwise(found[steps:]))
    assert min(found) > 0


def test_warmup_below_one_is_a_fraction():
    assert CosineSchedule(warmup=0.02).warmup_steps(5000) == 100
    assert CosineSchedule(warmup=100).warmup_steps(5000) == 100
    assert CosineSchedule(warmup=100).warmup_steps(50) == 50


def test_constant_stays_at_the_peak():
    assert factors(50, name="constant", warmup=10)[10:] == [1.0] * 40


def test_cosine_is_halfway_in_the_middle():
    assert factors(101, name="cosine", warmup=0, min_ratio=0.0)[50] == pytest.approx(0.5)
    assert factors(101, name="cosine", warmup=0, min_ratio=0.2)[25] == pytest.approx(
        0.2 + 0.8 * (1 + math.cos(math.pi / 4)) / 2
    )


def test_linear_is_a_line():
    assert factors(11, name="linear", warmup=0, min_ratio=0.0) == pytest.approx(
        [1 - step / 10 for step in range(11)]
    )


def test_wsd_stays_then_falls_with_the_root():
    found = factors(100, name="wsd", warmup=10, decay=0.2, min_ratio=0.0)
    assert found[10:81] == pytest.approx([1.0] * 71)
    assert found[81] < 1
    assert found[80 + 19 // 4 + 1] == pytest.approx(1 - math.sqrt(5 / 19))


@pytest.mark.parametrize("name", NAMES)
def test_short_runs_are_trained_too(name):
    minimum = {"min_ratio": 0.0} if name in FALLING else {}
    assert factors(1, name=name, warmup=0, **minimum) == [1.0]
    assert all(0 <= factor <= 1 for factor in factors(3, name=name, warmup=2, **minimum))


@pytest.mark.parametrize("name", NAMES)
def test_steps_beyond_the_end_stay_at_the_last_factor(name):
    config = ScheduleConfig.choose(name)
    assert config.factor(500, 100) == config.factor(99, 100)
