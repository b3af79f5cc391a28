"""What a benchmark says of a model: the harness's own figures of each item, summed up as all figures here are."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from lm_eval.api.metrics import bits_per_byte, mean, weighted_perplexity
from lm_eval.evaluator import evaluate

from eval.results import Bootstrap, Result
from pipeline.config.benchmarks import PACKAGE, BenchmarkConfig
from pipeline.config.evaluation import EvaluateConfig
from pipeline.context import Context
from pipeline.errors import UserError
from pipeline.formats.benchmark_items import ComparedItems, read_compared
from pipeline.formats.benchmark_tasks import (
    FEWSHOT_SEED,
    HarnessTask,
    LoadedTasks,
    as_percent,
    chance_level,
    is_share,
    load_tasks,
    quiet_harness,
    set_up,
    task_hash,
)
from train.benchmarks.harness_model import HarnessModel
from train.models import LanguageModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHANCE = "chance"
"""What results call guessing."""
FAST = (mean, weighted_perplexity, bits_per_byte)
"""Summed up in no time; of other figures, such as BLEU, fewer resamples are drawn, as the harness does."""
MOST_SLOW_RESAMPLES = 100
GUESSED = ("acc", "pct_stereotype")
"""How the names of figures begin that a guess among an item's choices has a value of."""


@dataclass(frozen=True)
class Scored:
    """One figure of a task, item by item."""

    name: str
    values: Sequence[Any]
    """As the harness sums them up: numbers, or pairs of a log-probability and a weight, …"""
    numbers: Sequence[int]
    """Of the items, from 0."""
    aggregate: Callable[[Sequence[Any]], float]
    higher_is_better: bool

    @property
    def is_share(self) -> bool:
        return is_share(self.name)

    @property
    def title(self) -> str:
        return f"{self.name}, %" if self.is_share else self.name

    def statistic(self) -> Callable[[np.ndarray], float]:
        """The figure of resampled items."""
        scale = 100.0 if self.is_share else 1.0
        if self.aggregate is mean:
            numbers = np.array(self.values, dtype=float)
            return lambda rows: scale * float(numbers[rows].mean())
        return lambda rows: scale * float(self.aggregate([self.values[row] for row in rows]))

    def of(self, kept: set[int], kind: str) -> "Scored":
        """The figure of some of the items."""
        chosen = [row for row, number in enumerate(self.numbers) if number in kept]
        values, numbers = ([of[row] for row in chosen] for of in (self.values, self.numbers))
        return replace(self, name=f"{self.name}_{kind}", values=values, numbers=numbers)


@dataclass(frozen=True)
class Examinee:
    """A model that is scored."""

    name: str
    """What results call it."""
    model: LanguageModel
    tokenizer: "PreTrainedTokenizerFast"
    tokenizer_hash: str


def benchmark_results(
    examinee: Examinee, config: EvaluateConfig, bootstrap: Bootstrap, seed: int, context: Context
) -> Iterator[Result]:
    """The figures of all benchmarks: of each task that of all its items first, then apart of those that stand in the
    training text and of those that do not. Guessing stands beside as a model called `chance`.

    Raises:
        UserError: where a task or its data is not there, or it asks for what the model cannot do.
    """
    compared = read_compared(context.inputs.get("clean"))
    if config.benchmarks and not compared:
        context.log.info(
            "%s: whether the training text holds items of the benchmarks was not looked at; with "
            "clean.contamination.action=report, set before the training, they are told apart",
            examinee.name,
        )
    for benchmark in config.benchmarks:
        context.log.info("%s: benchmark %s", examinee.name, benchmark.task)
        loaded = load_tasks(benchmark.task, benchmark.data)
        set_up(loaded, benchmark.fewshot, benchmark.max_new_tokens)
        harness = HarnessModel(
            examinee.model,
            examinee.tokenizer,
            config.perplexity.batch_size,
            seed,
            show_progress=context.run.progress,
        )
        report = _ask(harness, loaded, benchmark)
        yield from _group_results(examinee.name, report)
        for name, task in loaded["tasks"].items():
            signature = _signature(name, task, report, examinee, benchmark)
            items = compared.get(name)
            for figure in scored(task, report["samples"][name]):
                yield from _results(examinee.name, name, task, figure, items, bootstrap, signature, context)


def _ask(harness: HarnessModel, loaded: LoadedTasks, benchmark: BenchmarkConfig) -> dict[str, Any]:
    """What the harness finds out, with each item's figures."""
    try:
        with quiet_harness():
            return evaluate(harness, loaded, limit=benchmark.limit, bootstrap_iters=0, log_samples=True)
    except OverflowError:
        raise UserError(
            f"benchmarks: a perplexity of {benchmark.task} is beyond all numbers: without white space a word is a "
            "whole text; leave word_perplexity out of the task's metric_list"
        ) from None


def scored(task: HarnessTask, samples: Sequence[Mapping[str, Any]]) -> list[Scored]:
    """A task's figures, from what the harness says of each item."""
    columns: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for sample in samples:
        for metric in sample["metrics"]:
            columns.setdefault((metric, sample["filter"]), []).append(sample)
    aggregations, better = task.aggregation(), task.higher_is_better()
    return [
        Scored(
            metric if chosen_by == "none" else f"{metric},{chosen_by}",
            [row[metric] for row in rows],
            [row["doc_id"] for row in rows],
            aggregations.get(metric, mean),
            bool(better.get(metric, True)),
        )
        for (metric, chosen_by), rows in columns.items()
    ]


def _results(
    model: str,
    name: str,
    task: HarnessTask,
    figure: Scored,
    items: ComparedItems | None,
    bootstrap: Bootstrap,
    signature: str,
    context: Context,
) -> Iterator[Result]:
    parts = [figure]
    if items is not None:
        contaminated, short = set(items["contaminated"]), set(items["too_short"])
        told = set(range(items["items"])) - short
        parts += [figure.of(contaminated, "contaminated"), figure.of(told - contaminated, "clean")]
    for part in parts:
        if not part.values:
            continue
        draws = bootstrap if part.aggregate in FAST else _fewer(bootstrap)
        result = draws.result(model, part.name, part.statistic(), len(part.values), signature)
        if not math.isfinite(result.value):
            context.log.warning("%s, %s: %s is no finite number, and left out", model, name, part.name)
            continue
        better = "higher" if figure.higher_is_better else "lower"
        shown = replace(result, file=name, title=part.title, better=better, benchmark=True)
        headline = f"{name} {part.name} {result.value:.1f}%" if part is figure and part.is_share else None
        yield replace(shown, headline=headline)
        guessed = chance_level(task, part.numbers)
        if guessed is not None and figure.name.startswith(GUESSED):
            yield replace(shown, model=CHANCE, value=guessed, low=None, high=None, signature="1/choices")


def _fewer(bootstrap: Bootstrap) -> Bootstrap:
    return replace(bootstrap, resamples=min(bootstrap.resamples, MOST_SLOW_RESAMPLES))


def _group_results(model: str, report: Mapping[str, Any]) -> Iterator[Result]:
    """Of groups of tasks, as the harness sums them up."""
    for name, figures in report.get("groups", {}).items():
        members = [each for each in report["group_subtasks"][name] if each in report["n-samples"]]
        items = sum(report["n-samples"][each]["effective"] for each in members)
        for key, value in figures.items():
            metric, _, chosen_by = key.partition(",")
            if not chosen_by or metric.endswith("_stderr") or not isinstance(value, float):
                continue
            label = metric if chosen_by == "none" else key
            told = f"{_harness()}|group:{name}|tasks:{','.join(members)}|items:{items}"
            yield Result(
                model, label, as_percent(label, value), None, None, items, told,
                file=name, title=f"{label}, %" if is_share(label) else label, benchmark=True,
            )  # fmt: skip


def _signature(
    name: str, task: HarnessTask, report: Mapping[str, Any], examinee: Examinee, benchmark: BenchmarkConfig
) -> str:
    counts = report["n-samples"][name]
    hashes = sorted({row["doc_id"]: row["doc_hash"] for row in report["samples"][name]}.items())
    items = hashlib.sha256(" ".join(each for _, each in hashes).encode()).hexdigest()[:12]
    shots = task.get_config("num_fewshot")
    return (
        f"{_harness()}|task:{name},version {task.VERSION},sha256:{task_hash(task)}|shots:{shots}"
        f",seed {FEWSHOT_SEED}|items:{counts['effective']} of {counts['original']},sha256:{items}"
        f"|limit:{benchmark.limit or 'none'}|context:{examinee.model.context}|tokenizer:{examinee.tokenizer_hash[:12]}"
    )


def _harness() -> str:
    return f"lm-eval:{version(PACKAGE)}"
