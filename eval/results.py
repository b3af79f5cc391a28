"""What a measurement is reported as: a value with its confidence interval and the settings that define it."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.evaluation import FEWEST_UNITS
from pipeline.errors import UserError
from pipeline.formats.direction import Better
from pipeline.store.artifacts import damaged, read_json, write_json
from pipeline.text.counts import counted

RESULTS = "results.json"
SHORTENED = "shortened_prompts"
"""Result of how many test prompts were too long for the model's context, so that the model was asked without a part."""
CONFUSION = "confusion.json"
"""Of a classifier that gives one label: its `labels`, and how many texts of each (rows) were given each."""


@dataclass(frozen=True)
class Result:
    """One figure. Scores (BLEU, ROUGE, accuracy, …) are percentages; perplexities and bits are as they
    are."""

    model: str
    """What was measured: `pretrain`, `finetune`, what stands beside them (`bigram`, `most_frequent_label`, …), or the
    label of exported weights that are not the last ones."""
    name: str
    value: float
    low: float | None
    """Ends of the confidence interval; None where there is none (no resamples, or too few units)."""
    high: float | None
    n: int
    """Units that were resampled: documents or examples."""
    signature: str
    """All that two values must share to be comparable."""
    file: str | None = None
    """Name of the file whose text was scored, where it is no text of the corpus or the task; of a benchmark the name of
    its task."""
    title: str = ""
    """The name as people write it."""
    headline: str | None = None
    """The figure in words, if it is one that tells most: for the table at a run's end and the report's top."""
    better: Better = "higher"
    """Which of two values is the better one."""
    of_text: bool = False
    """Whether it was measured on held-out text, and not on a task's examples."""
    benchmark: bool = False
    """Whether it is of a benchmark."""

    @property
    def of_few(self) -> bool:
        """Whether it was measured on too few units to say how sure it is."""
        return self.n < FEWEST_UNITS


@dataclass(frozen=True)
class Figure:
    """How a result is shown to people."""

    title: str
    headline: str | None = None
    """A format of the value, such as `BLEU {:.1f}`, where it is one that tells most; see `Result.headline`."""
    better: Better = "higher"
    of_text: bool = False


PERPLEXITIES = {
    "perplexity": Figure("Perplexity per token", "perplexity {:,.1f} a token", "lower", of_text=True),
    "word_perplexity": Figure("Perplexity per word", "{:,.1f} a word", "lower", of_text=True),
    "bits_per_byte": Figure("Bits per byte", "{:.3f} bits per byte", "lower", of_text=True),
}
"""What is measured of a causal model on plain text."""
PER_CHARACTER = Figure("Perplexity per character", "{:,.1f} a character", "lower", of_text=True)
"""`word_perplexity` of a text without spaces between words, of which each letter counts as a word."""

MEMORIZATION = {
    "memorized": Figure("Training passages recited, %", better="lower"),
    "memorized_once": Figure("Recited of those that stand there once, %", better="lower"),
    "memorized_repeated": Figure("Recited of those that stand there several times, %", better="lower"),
    "memorized_held_out": Figure("Held-out passages recited, %", better="lower"),
}
"""How much of a text a causal model continues just as it stands."""


def tells_memorization(name: str) -> bool:
    """Whether a figure of this name says what a model remembers of its training text."""
    return name in MEMORIZATION or name.startswith("exposure_")


def shown(results: Iterable[Result], figures: Mapping[str, Figure]) -> list[Result]:
    """The results with what `figures` says of each name: title, headline, direction."""
    return [
        replace(
            result,
            title=figure.title,
            headline=figure.headline and _in_words(figure.headline, result.value),
            better=figure.better,
            of_text=figure.of_text,
        )
        for result in results
        for figure in (figures[result.name],)
    ]


def _in_words(headline: str, value: float) -> str:
    """The headline with the value; a small one that would read as zero is written to its first digit."""
    text = headline.format(value)
    return re.sub(r"\{[^}]*\}", f"{value:.1g}", headline) if value and text == headline.format(0.0) else text


def headlines(results: Iterable[Result]) -> str:
    """Those of results that have one, and how many examples or documents these are of, where few say little."""
    told = [result for result in results if result.headline]
    groups = groupby(told, key=_few_in_words)
    return ", ".join(", ".join(str(result.headline) for result in group) + few for few, group in groups)


def _few_in_words(result: Result) -> str:
    return f" ({counted(result.n, 'document' if result.of_text else 'example')})" if result.of_few else ""


@dataclass(frozen=True)
class Bootstrap:
    """The percentile bootstrap (Efron and Tibshirani, 1993, ch. 13).

    The resamples depend on the seed and the number of units only, so the metrics and models measured on the
    same units are resampled alike, and the differences between them are paired (Koehn, 2004).
    """

    resamples: int
    confidence: float
    seed: int

    def interval(self, statistic: Callable[[np.ndarray], float], units: int) -> tuple[float, float] | None:
        """Ends of the interval of `statistic(rows)`, rows being int64 [units] drawn with replacement.

        None without resamples, and with fewer than `FEWEST_UNITS` units.
        """
        if self.resamples == 0 or units < FEWEST_UNITS:
            return None
        draw = np.random.default_rng(self.seed)
        values = [statistic(draw.integers(0, units, units)) for _ in range(self.resamples)]
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        return float(low), float(high)

    def result(
        self, model: str, name: str, statistic: Callable[[np.ndarray], float], units: int, signature: str
    ) -> Result:
        """The statistic of all units, and its interval."""
        low, high = self.interval(statistic, units) or (None, None)
        value = float(statistic(np.arange(units)))
        if low is not None:
            signature += f"|bs:{self.resamples}|ci:{self.confidence:g}|seed:{self.seed}"
        return Result(model, name, value, low, high, units, signature)


def write_results(folder: Path, results: Iterable[Result]) -> None:
    """Write results.json, a list with one object per result.

    Raises:
        ValueError: where a value is not finite: JSON has no word for it, and no figure of ours should be.
    """
    rows = [asdict(result) for result in results]
    for row in rows:
        if not math.isfinite(row["value"]):
            raise ValueError(f"{row['model']} {row['name']} is {row['value']}")
    write_json(folder / RESULTS, rows)


def read_results(folder: Path) -> list[Result]:
    """The results of an artifact of evaluate; none where it has no such file.

    Raises:
        UserError: where the file is damaged.
    """
    path = folder / RESULTS
    return [read_result(row, path) for row in read_json(path, folder, kind=list)] if path.is_file() else []


def results_of_exported(results: Sequence[Result], stage: str, label: str | None) -> list[Result]:
    """The results with those of the exported weights in the place of those of the last step.

    Args:
        stage: the training whose model is exported.
        label: what the results call the exported weights; None where they are those of the last step.
    """
    if label is None:
        return list(results)
    return [
        replace(result, model=stage) if result.model == label else result
        for result in results
        if result.model != stage
    ]


def read_result(row: Any, path: Path) -> Result:
    """A result from a JSON file of an artifact.

    Raises:
        UserError: where it is none.
    """
    names = [field.name for field in fields(Result)]
    absent = [name for name in names if name not in row] if isinstance(row, dict) else ["row"]
    if absent:
        raise UserError(damaged(path, f"it has no {min(absent)}", path.parent))
    return Result(**{name: row[name] for name in names})
