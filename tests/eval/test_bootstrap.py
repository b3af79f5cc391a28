"""Confidence intervals."""

import numpy as np
import pytest

from eval.results import Bootstrap, Figure, Result, headlines, shown


def test_intervals_of_a_mean_cover_it_as_often_as_they_say():
    draw = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        sample = draw.normal(3.0, 1.0, 60)
        low, high = Bootstrap(300, 0.9, trial).interval(lambda rows, s=sample: s[rows].mean(), len(sample))
        covered += low < 3.0 < high
    # Of 200 at 90% about 180, with a standard deviation of 4; percentile intervals are a bit narrow.
    assert 165 <= covered <= 195


def test_the_width_is_that_of_theory():
    sample = np.random.default_rng(1).normal(0.0, 2.0, 400)
    low, high = Bootstrap(2000, 0.95, 3).interval(lambda rows: sample[rows].mean(), 400)
    assert high - low == pytest.approx(2 * 1.96 * sample.std() / 20, rel=0.1)


def test_the_same_units_are_resampled_alike():
    seen = []
    for _ in range(2):
        rows = []
        Bootstrap(5, 0.95, 7).interval(lambda chosen, rows=rows: rows.append(chosen.tolist()) or 0.0, 10)
        seen.append(rows)
    assert seen[0] == seen[1]
    assert len({tuple(row) for row in seen[0]}) == 5


def test_without_resamples_or_with_few_units_there_is_no_interval():
    assert Bootstrap(0, 0.95, 1).interval(lambda rows: 1.0, 10) is None
    for units in (1, 2, 5):
        assert Bootstrap(100, 0.95, 1).interval(lambda rows: 1.0, units) is None
    assert Bootstrap(100, 0.95, 1).interval(lambda rows: 1.0, 6) == (1.0, 1.0)


def test_few_units_are_told_beside_the_figure():
    figures = {"f": Figure("F", "F {:.1f}"), "t": Figure("T", "T {:.1f}", of_text=True)}

    def told(*units_by_name: tuple[str, int]) -> str:
        found = [Result("finetune", name, 2.0, None, None, units, "") for name, units in units_by_name]
        return headlines(shown(found, figures))

    assert shown([Result("finetune", "f", 0.031, None, None, 9, "")], figures)[0].headline == "F 0.03"
    assert shown([Result("finetune", "f", 0.0, None, None, 9, "")], figures)[0].headline == "F 0.0"
    assert told(("f", 1)) == "F 2.0 (1 example)"
    assert told(("t", 2), ("t", 2), ("f", 4)) == "T 2.0, T 2.0 (2 documents), F 2.0 (4 examples)"
    assert told(("f", 6)) == "F 2.0"
