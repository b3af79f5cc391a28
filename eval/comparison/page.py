"""What the page of a comparison shows."""

from collections.abc import Sequence
from typing import Any

from eval.comparison.common_examples import CommonExamples
from eval.comparison.curves import loss_curves
from eval.comparison.evaluated_run import EvaluatedRun
from eval.comparison.figures import Row, describe_tests
from eval.comparison.setting_changes import setting_changes
from eval.comparison.significance import Draws
from eval.reporting.pages import render
from eval.reporting.report_data import read_language


def comparison_page(
    first: EvaluatedRun,
    second: EvaluatedRun,
    rows: Sequence[Row],
    common: CommonExamples,
    draws: Draws,
    most: int,
) -> str:
    """The HTML page.

    Args:
        most: texts of each kind that are shown.
    """
    values = {
        "runs": (first, second),
        "rows": rows,
        "words": common.words,
        "tests": describe_tests(rows),
        "draws": draws,
        "settings": setting_changes(first, second),
        "trainings": loss_curves(first, second),
        "answers": _spread(list(zip(common.first, common.second, strict=True)), most),
        "language": read_language(first.stage("clean")),
        "samples": _same_prompts(first, second)[:most],
    }
    return render("comparison.html.j2", values)


def _same_prompts(first: EvaluatedRun, second: EvaluatedRun) -> list[tuple[str, str, str]]:
    """Prompts that both runs continued, with the two continuations."""
    theirs = {row["prompt"]: row["continuation"] for row in second.samples}
    return [
        (row["prompt"], row["continuation"], theirs[row["prompt"]])
        for row in first.samples
        if row["prompt"] in theirs
    ]


def _spread(rows: list[Any], most: int) -> list[Any]:
    """At most so many, spread over the list evenly."""
    step = max(len(rows) / most, 1)
    return [rows[int(place * step)] for place in range(min(most, len(rows)))]
