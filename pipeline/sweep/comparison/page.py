"""A comparison's page: one self-contained HTML file, for readers who have seen nothing of it before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.sweep.comparison.outcomes import (
    Outcome,
    Pretrained,
    Score,
    equal_flops,
    outcomes_of,
    pretrainings,
)
from pipeline.sweep.comparison.plots import Point, against, by_system
from pipeline.sweep.jobs import Job
from pipeline.sweep.planning import SweepPlan
from pipeline.sweep.plots import svg
from pipeline.templates import html_templates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = "comparison.html.j2"
BITS = "bits_per_byte"
PSEUDO = "pseudo_perplexity"


@dataclass(frozen=True)
class Cell:
    """What a table says of one system in one test."""

    score: Score | None
    best: bool
    note: int | None
    """Number of the reason why there is none."""


def write_comparison(plan: SweepPlan, compare: str, jobs: Sequence[Job], path: Path) -> "dict[str, Figure]":
    """Write the page.

    Args:
        compare: the swept key whose values are the systems.

    Returns its plots by title.
    """
    outcomes = outcomes_of(jobs, compare, plan.store)
    trained = pretrainings(outcomes)
    systems = list(dict.fromkeys(outcome.system for outcome in outcomes))
    figures = _figures(outcomes, trained, systems)
    reasons = list(dict.fromkeys(outcome.reason for outcome in outcomes if outcome.reason))
    page = (
        html_templates(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=plan.run.name,
            compare=compare,
            systems=systems,
            tests=list(dict.fromkeys(outcome.test for outcome in outcomes)),
            trained=trained,
            budgets=[power_of_ten(flops) for flops in equal_flops(trained)],
            power_of_ten=power_of_ten,
            several=len({each.budget for each in trained}) > 1,
            rows=[(each, *_row(each, outcomes, trained, reasons)) for each in trained],
            missing=_missing(outcomes, trained, reasons),
            reasons=reasons,
            counts=_counts(outcomes),
            baselines=_baselines(outcomes),
            plots={title: svg(figure, title) for title, figure in figures.items()},
            command=plan.to_report(next((job for job in jobs if job.run), jobs[0])),
            seconds=sum(job.seconds or 0 for job in jobs),
        )
    )
    path.write_text(page, encoding="utf-8")
    return figures


def power_of_ten(number: float) -> str:
    """Such as 2.5 × 10¹¹."""
    digits, _, exponent = f"{number:.2e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(digits):g}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{raised}"


def _figures(
    outcomes: Sequence[Outcome], trained: Sequence[Pretrained], systems: Sequence[str]
) -> "dict[str, Figure]":
    """Of the text's score where several systems have it, and of each test; best understood from left to right."""
    shown: dict[str, tuple[list[Point], Score | None]] = {}
    texts = [Point(each, each.texts[BITS]) for each in trained if BITS in each.texts]
    if len({point.pretrained.system for point in texts}) > 1:
        shown["Held-out text (lower is better)"] = (texts, None)
    for test, baseline in _baselines(outcomes).items():
        points = [
            Point(each.pretrained, each.score)
            for each in outcomes
            if each.test == test and each.pretrained is not None and each.score is not None
        ]
        if points:
            shown[test] = (points, baseline)
    found: dict[str, Figure] = {}
    for title, (points, baseline) in shown.items():
        if len(equal_flops(trained)) == 1:
            found[f"{title}, at equal compute"] = by_system(points, systems, baseline)
        else:
            flops = against(points, systems, lambda each: each.flops, "FLOPs of pretraining", baseline)
            found[f"{title}, against compute"] = flops
        seconds = against(points, systems, lambda each: each.seconds, "seconds of pretraining", baseline)
        found[f"{title}, against time"] = seconds
    return found


def _baselines(outcomes: Sequence[Outcome]) -> dict[str, Score | None]:
    """Of each test, what the same figure is without a model."""
    found: dict[str, Score | None] = {}
    for outcome in outcomes:
        found[outcome.test] = found.get(outcome.test) or outcome.baseline
    return found


def _counts(outcomes: Sequence[Outcome]) -> dict[str, tuple[str, int]]:
    """Of each test the name of its figure, and how many examples it has."""
    return {each.test: (each.score.title, each.score.count) for each in outcomes if each.score is not None}


def _row(
    each: Pretrained, outcomes: Sequence[Outcome], trained: Sequence[Pretrained], reasons: Sequence[str]
) -> tuple[Score | None, Score | None, list[Cell]]:
    """The scores of text, and a cell for each test."""
    rivals = {other.fingerprint for other in trained if other.budget == each.budget}
    cells = []
    for test in dict.fromkeys(outcome.test for outcome in outcomes):
        of_test = [outcome for outcome in outcomes if outcome.test == test]
        scores = [
            outcome.score.value
            for outcome in of_test
            if outcome.score is not None
            and outcome.pretrained is not None
            and outcome.pretrained.fingerprint in rivals
        ]
        mine = next(
            (o.score for o in of_test if o.pretrained and o.pretrained.fingerprint == each.fingerprint), None
        )
        why = next((o.reason for o in of_test if o.system == each.system and o.reason), None)
        note = reasons.index(why) + 1 if mine is None and why is not None else None
        cells.append(Cell(mine, mine is not None and mine.value == max(scores), note))
    return each.texts.get(BITS), each.texts.get(PSEUDO), cells


def _missing(
    outcomes: Sequence[Outcome], trained: Sequence[Pretrained], reasons: Sequence[str]
) -> list[tuple[str, list[int]]]:
    """Systems of which no job has finished, with the numbers of the reasons."""
    finished = {each.system for each in trained}
    absent = dict.fromkeys(outcome.system for outcome in outcomes if outcome.system not in finished)
    return [
        (system, sorted({reasons.index(o.reason) + 1 for o in outcomes if o.system == system and o.reason}))
        for system in absent
    ]
