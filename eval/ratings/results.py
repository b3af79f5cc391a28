"""What people's judgements say of one model: a mean with its interval, and how much the raters agree."""

from collections.abc import Sequence

import numpy as np

from eval.ratings.agreement import Scale, krippendorff_alpha
from eval.ratings.answers import Answers
from eval.ratings.written import Written
from eval.results import Bootstrap, Figure, Result, shown
from pipeline.errors import UserError

FIGURES = {
    "human_preference": Figure("Preferred by people", "preferred by people in {:.0f}%"),
    "human_rating": Figure("Rating by people", "rated {:.2f} by people"),
    "preference_agreement": Figure("Agreement on preferences, Krippendorff's α"),
    "rating_agreement": Figure("Agreement on ratings, Krippendorff's α"),
}


def rating_results(
    model: str, answers: Sequence[Answers], written: Sequence[Written], bootstrap: Bootstrap
) -> list[Result]:
    """The figures of a model, from judgements of its texts and of others' beside them.

    Args:
        written: the model's texts.

    Raises:
        UserError: where none of its texts was judged.
    """
    digests = {text.digest for text in written}
    results: list[Result] = []
    for kind in ("pairs", "likert"):
        same = [each for each in answers if each.kind == kind]
        if same:
            results += _of_one_kind(model, same, digests, bootstrap)
    return shown(results, FIGURES)


def _of_one_kind(
    model: str, answers: Sequence[Answers], digests: set[str], bootstrap: Bootstrap
) -> list[Result]:
    pairs, first = answers[0].kind == "pairs", answers[0]
    ratings = _table(answers, digests)
    if not ratings.shape[1]:
        raise UserError(
            f"evaluate.ratings: {', '.join(each.rater for each in answers)} judged other texts than this model's; make "
            "the sheet (make rate) of the run as it is evaluated now"
        )
    means = np.nanmean(ratings, 0)
    factor, name = (100, "human_preference") if pairs else (1, "human_rating")
    scale: Scale = "nominal" if pairs else "ordinal"
    how = "blind pairs,ties:half" if pairs else f"likert:1-{first.scale}"
    signature = f"{how}|sheet:{first.sheet}|raters:{len(answers)}"

    def mean(rows: np.ndarray) -> float:
        return factor * float(means[rows].mean())

    def alpha(rows: np.ndarray) -> float:
        found = krippendorff_alpha(ratings[:, rows], scale)
        return float("nan") if found is None else found

    units = ratings.shape[1]
    results = [bootstrap.result(model, name, mean, units, signature)]
    if krippendorff_alpha(ratings, scale) is not None:
        agreement = "preference_agreement" if pairs else "rating_agreement"
        kept = np.flatnonzero((~np.isnan(ratings)).sum(0) >= 2)  # units that two have judged
        results.append(
            bootstrap.result(
                model, agreement, lambda rows: alpha(kept[rows]), len(kept), f"{scale}|{signature}"
            )
        )
    return results


def _table(answers: Sequence[Answers], digests: set[str]) -> np.ndarray:
    """What each rater gave the model for each item, float [raters, items]; nan where they said nothing.

    Of a pair 1 where its text is preferred and 0 where the other is.
    """
    items: dict[tuple[str, ...], int] = {}
    given: list[tuple[int, int, float]] = []
    for rater, each in enumerate(answers):
        for answer in each.answers:
            ours = [place for place, digest in enumerate(answer.texts) if digest in digests]
            if len(ours) != 1:
                continue
            item = items.setdefault(tuple(answer.texts), len(items))
            at_left = each.kind == "pairs" and ours[0] == 0
            given.append((rater, item, 1 - answer.value if at_left else answer.value))
    table = np.full((len(answers), len(items)), np.nan)
    for rater, item, value in given:
        table[rater, item] = value
    return table
