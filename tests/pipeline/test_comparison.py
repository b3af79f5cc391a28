"""What a comparison makes of its points: which budgets are equal, and what is drawn."""

from pathlib import Path

import pytest

from pipeline.store.artifacts import Store
from pipeline.sweep.comparison.outcomes import (
    Outcome,
    Pretrained,
    Score,
    equal_flops,
    outcomes_of,
    pretrainings,
)
from pipeline.sweep.comparison.page import power_of_ten
from pipeline.sweep.comparison.plots import Point, against
from pipeline.sweep.jobs import Job


def pretrained(system: str, flops: float, budget: str = "", seconds: float = 10.0) -> Pretrained:
    return Pretrained(system, budget, f"{system}{budget}", "causal", 1e5, 1e6, flops, seconds, {})


@pytest.mark.parametrize(
    ("trained", "equal"),
    [
        ([pretrained("a", 1e12), pretrained("b", 1.02e12)], [1e12]),
        ([pretrained("a", 1e12), pretrained("b", 2e12)], []),  # at equal time, say
        ([pretrained(s, f, str(f)) for s in "ab" for f in (4e12, 1e12)], [1e12, 4e12]),
    ],
)
def test_budgets_are_equal_where_all_systems_have_had_as_much(
    trained: list[Pretrained], equal: list[float]
) -> None:
    assert equal_flops(trained) == equal


def test_a_system_with_several_budgets_is_a_line_over_them() -> None:
    trained = [pretrained(s, f, str(f)) for s in "ab" for f in (1e11, 1e12)]
    points = [
        Point(each, Score("Accuracy", 50.0 + n, 45.0 + n, None if n else 55.0, 100))
        for n, each in enumerate(trained)
    ]
    figure = against(
        points, ["a", "b"], lambda each: each.flops, "FLOPs", Score("Accuracy", 40, None, None, 9)
    )
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert [list(bars.lines[0].get_ydata()) for bars in axes.containers] == [[50, 51], [52, 53]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["without a model", "a", "b"]


def test_systems_stand_in_the_order_of_the_sweep_and_each_training_once() -> None:
    trained = {(s, f): pretrained(s, f, str(f)) for s in ("late", "early") for f in (1e12, 1e11)}
    outcomes = [
        Outcome(each.system, test, each, None, None, None)
        for test in ("one", "two")
        for each in trained.values()
    ]
    shown = [(each.system, each.flops) for each in pretrainings(outcomes)]
    assert shown == [("late", 1e11), ("late", 1e12), ("early", 1e11), ("early", 1e12)]


def test_a_refusal_is_told_without_what_all_begin_with(tmp_path: Path) -> None:
    job = Job({"variant": "a", "trainer.flops": "1", "downstream": "tags"}, "", state="refused")
    job.error = "the configuration has 1 problem:\n  - finetune.task=tag needs another model"
    (outcome,) = outcomes_of([job], "variant", Store(tmp_path))
    assert (outcome.system, outcome.test) == ("a", "tags")
    assert outcome.reason == "finetune.task=tag needs another model"


def test_large_numbers_are_written_as_people_write_them() -> None:
    assert power_of_ten(2.5e11) == "2.5\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10¹¹"
