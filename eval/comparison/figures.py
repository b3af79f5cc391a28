"""The figures of two runs beside each other, and whether they differ by more than chance."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

from eval.comparison.common_examples import CommonExamples, common_examples
from eval.comparison.comparability import Unlikeness, unlikeness
from eval.comparison.evaluated_run import EvaluatedRun
from eval.comparison.significance import Draws, PairedResult, Recorder, Significance, compare_systems
from eval.comparison.text_figures import text_differences
from eval.comparison.unknown_tokens import looks_better_than_it_is
from eval.reporting.bars import BASELINES
from eval.results import Result
from eval.tasks import Prediction, rescore
from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.formats.direction import badness
from pipeline.text.counts import counted
from pipeline.text.enumeration import enumerated
from train.finetuning.artifact import read_task

SURE = 0.05
"""A difference is more than chance where each test gives a smaller p."""
TOO_FEW = f"where fewer than {FEWEST_UNITS} cannot tell a difference from chance"


@dataclass(frozen=True)
class Row:
    """One figure of both runs."""

    first: Result | None
    second: Result | None
    significance: Significance | None = None
    note: str = ""
    """Why the two cannot be compared, or how they were."""
    comparable: bool = True

    @property
    def known(self) -> Result:
        """Either of them, for what both are called."""
        return cast(Result, self.first or self.second)

    @property
    def is_sure(self) -> bool | None:
        """Whether the difference is more than chance: by both tests, or, where there are none, as the intervals do not
        overlap. None where nothing says so."""
        if not self.comparable or self.first is None or self.second is None:
            return None
        if self.significance:
            return max(self.significance.bootstrap_p, self.significance.randomization_p) < SURE
        lower, higher = sorted((self.first, self.second), key=lambda result: result.value)
        if lower.of_few or lower.high is None or higher.low is None:
            return None
        return higher.low > lower.high

    @property
    def better(self) -> Literal["first", "second"] | None:
        """Which run is the better one, where that is sure and does not come of unknown tokens."""
        if not self.is_sure or self.first is None or self.second is None:
            return None
        first, second = (badness(self.known.better, each.value) for each in (self.first, self.second))
        if first == second:
            return None
        leading, other = (self.first, self.second) if first < second else (self.second, self.first)
        if looks_better_than_it_is(leading, other):
            return None
        return "first" if leading is self.first else "second"


def compare_figures(
    first: EvaluatedRun, second: EvaluatedRun, draws: Draws
) -> tuple[list[Row], CommonExamples]:
    """The rows of the table, those of text first; and the test examples that both runs answered."""
    common = common_examples(first.predictions, second.predictions)
    same_examples = len(common.first) == len(first.predictions) == len(second.predictions)
    scored = {row.known.name: row for row in _scored_again(first, second, common, draws)}
    of_text = text_differences(first, second, draws)
    rows: list[Row] = []
    for a, b in _paired(first.results, second.results):
        known = cast(Result, a or b)
        unlike = unlikeness(first, second, a, b, same_examples) if a and b else Unlikeness()
        if known.model == "finetune" and known.name in scored and not known.of_text:
            row = scored.pop(known.name)
            rows.append(replace(row, note="; ".join(filter(None, (unlike.told, row.note)))))
        elif unlike.barring:
            rows.append(Row(a, b, note=unlike.barring, comparable=False))
        else:
            sure = of_text.get((known.model, known.name, known.file)) if known.of_text else None
            few = _few_documents(a.n) if a and b and known.of_text and a.of_few and sure is None else ""
            rows.append(Row(a, b, sure, "; ".join(filter(None, (unlike.told, few)))))
    return [*rows, *scored.values()], common


def _paired(
    first: Iterable[Result], second: Iterable[Result]
) -> Iterator[tuple[Result | None, Result | None]]:
    """Results of the same model, name and file, in the order of the first."""

    def by_key(results: Iterable[Result]) -> dict[tuple[str, str, str | None], Result]:
        return {(each.model, each.name, each.file): each for each in results if each.model not in BASELINES}

    ours, theirs = by_key(first), by_key(second)
    for key in dict.fromkeys([*ours, *theirs]):
        yield ours.get(key), theirs.get(key)


def _scored_again(
    first: EvaluatedRun, second: EvaluatedRun, common: CommonExamples, draws: Draws
) -> Iterator[Row]:
    """The metrics of both runs on the examples that both answered, by the first one's settings."""
    modules = {_scores_task(first), _scores_task(second)}
    module = modules.pop()
    if not common.first or module is None or modules:
        return
    metrics = [name for name in first.config.metrics if name in second.config.metrics]
    config = first.config.model_copy(update={"metrics": metrics})
    recorder = Recorder(draws.resamples, draws.confidence, draws.seed)
    predictions = cast(list[Prediction], [*common.first, *common.second])
    for result in rescore(module, predictions, config, recorder):
        statistic, other = recorder.statistics[result.name], cast(PairedResult, result).other
        sure = None
        if statistic is not None:
            sure = compare_systems(statistic, len(common.first), draws)
        few = _few_examples(result.n) if result.of_few else ""
        note = few if statistic is not None else "not tested: of all texts together"
        yield Row(result, replace(result, value=other), sure, note)


def _few_documents(count: int) -> str:
    """Why a difference on text is not tested."""
    there = "is a single one" if count == 1 else f"has only {count}"
    return f"not tested: tests draw among documents, and the text {there}, {TOO_FEW}"


def _few_examples(count: int) -> str:
    """Why a difference on test examples is not tested."""
    there = "is a single one" if count == 1 else f"are only {count}"
    return f"not tested: tests draw among examples, and there {there}, {TOO_FEW}"


def describe_tests(rows: Iterable[Row]) -> str:
    """What the tests have drawn among, and what counts as a difference; empty where nothing was tested."""
    tested = [row.known for row in rows if row.significance]
    documents = sorted({each.n for each in tested if each.of_text})
    examples = sorted({each.n for each in tested if not each.of_text})
    among = [
        f"{counts[0]:,} to {counted(counts[-1], noun)}" if len(counts) > 1 else counted(counts[0], noun)
        for counts, noun in ((documents, "document"), (examples, "test example"))
        if counts
    ]
    if not among:
        return ""
    return f"The tests draw among {enumerated(among)}; a difference counts where both give p < {SURE}."


def _scores_task(run: EvaluatedRun) -> str | None:
    """The module that scores the run's task."""
    artifact = run.stage("finetune")
    _ = run.spec  # plugins may bring the task
    return read_task(artifact)[0].evaluation if artifact else None
