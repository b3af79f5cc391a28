"""Figures of several models beside each other, as bars."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from eval.results import PER_CHARACTER, Result
from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.formats.direction import badness

BASELINES = ("unigram", "bigram", "trigram")
LINEAR_UP_TO = 20
"""How many times as long as the shortest bar the longest may be on a linear scale."""


class Bar(NamedTuple):
    """A result as a bar; lengths in percent of the longest one."""

    result: Result
    width: float
    interval: tuple[float, float] | None
    """Where its whisker begins and ends, if it has one."""

    @property
    def is_baseline(self) -> bool:
        return self.result.model in BASELINES


@dataclass(frozen=True)
class Bars:
    """One figure of several models, as bars."""

    title: str
    rows: list[Bar]
    logarithmic: bool = False
    """Whether the lengths are of logarithms: else the shortest bars could not be told apart."""


def comparison_bars(results: Iterable[Result]) -> list[Bars]:
    """Figures of held-out text: the models beside the n-gram baselines, the worst first, on the corpus and then on
    each file."""
    charts: list[Bars] = []
    results = [result for result in results if result.of_text]
    files = dict.fromkeys(result.file for result in results)
    names = dict.fromkeys(result.name for result in results)
    for file, name in product(files, names):
        same = [result for result in results if (result.file, result.name) == (file, name)]
        if not same:
            continue
        ordered = sorted(same, key=lambda result: badness(result.better, result.value), reverse=True)
        title = f"{ordered[0].title}, {file}" if file else ordered[0].title
        charts.append(_bars(title, ordered))
    return charts


def _bars(title: str, results: list[Result]) -> Bars:
    values = [each for r in results for each in (r.value, r.low, r.high) if each is not None]
    smallest, longest = min(values), max(values)
    logarithmic = 0 < LINEAR_UP_TO * smallest < longest
    if not logarithmic:
        return Bars(title, [_bar(r, lambda value: 100 * value / longest) for r in results])
    start = 10 ** math.floor(math.log10(smallest) - 0.3)  # the shortest bar is seen, too
    scale = 100 / math.log(longest / start)
    return Bars(title, [_bar(r, lambda value: scale * math.log(value / start)) for r in results], True)


def _bar(result: Result, percent: Callable[[float], float]) -> Bar:
    low, high = result.low, result.high
    interval = None if low is None or high is None else (percent(low), percent(high))
    return Bar(result, percent(result.value), interval)


def describe_bars(results: Iterable[Result], confidence: str = "") -> str:
    """What `comparison_bars` compares, in words, and how sure it is.

    Args:
        confidence: what stands before the word interval.
    """
    rows = [result for result in results if result.of_text]
    beside = any(result.model in BASELINES for result in rows)
    what = (
        "beside n-gram counts of the same training text" if beside else "on text that it was not trained on"
    )
    better = " and ".join(dict.fromkeys(result.better for result in rows))
    said = [f"The model {what}; {better} is better.", *_describe_intervals(rows, confidence or "confidence ")]
    of_words = any(
        result.name == "word_perplexity" and result.title != PER_CHARACTER.title for result in rows
    )
    if of_words and any(result.name == "bits_per_byte" for result in rows):
        said.append(
            "Perplexity per word is of whole words, rare names and numbers among them, and so large by nature: compare "
            "it with that of other models on this text alone, and look at bits per byte first."
        )
    return " ".join(said)


def _describe_intervals(rows: Sequence[Result], confidence: str) -> Iterator[str]:
    few = sorted({result.n for result in rows if result.of_few})
    if any(result.low is not None for result in rows):
        none = f"; {_documents(few[0])} {'has' if few[0] == 1 else 'have'} none" if few else ""
        yield f"The whiskers are {confidence}intervals{none}."
    elif few:
        yield (
            f"The text is {_documents(few[0])}, so there are no confidence intervals and no tests of differences: both "
            f"come from drawing among documents, and fewer than {FEWEST_UNITS} say too little of others. Hold out more "
            "of them to have figures to rely on."
        )


def _documents(few: int) -> str:
    return "a single document" if few == 1 else f"only {few} documents"
