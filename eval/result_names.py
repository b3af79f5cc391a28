"""What models and results are called where people read of them, and which results are told in the stage's headline."""

from collections.abc import Iterable
from dataclasses import replace

from eval.results import Result, headlines
from pipeline.config.evaluation import PerplexityConfig

MODEL_NAMES = {"pretrain": "pretrained", "finetune": "fine-tuned"}
"""Of the models that a run trains, by what results call them."""


def model_name(model: str) -> str:
    """What people read where results say `model`."""
    return MODEL_NAMES.get(model, model.replace("_", " "))


def writer_name(model: str) -> str:
    """Who wrote the sample texts, in words."""
    return f"the {model_name(model)} model" if model in MODEL_NAMES else f"the exported weights ({model})"


def metric_name(result: Result) -> str:
    """The result's name among the stage's metrics."""
    name = result.name if result.model == "pretrain" else f"{result.model}_{result.name}"
    name = name.replace(" ", "_")
    if result.model == "finetune":
        name = f"finetuned_{result.name}" if result.of_text or result.benchmark else result.name
    return f"{result.file}/{name}" if result.file else name


def in_line(result: Result) -> str:
    """A figure in one line of a log: model, metric, value with its interval, number of units, file."""
    digits = 2 if result.value >= 10 else 3
    interval = ""
    if result.low is not None and result.high is not None:
        interval = f"  [{_shown(result.low, digits)}, {_shown(result.high, digits)}]"
    where = f"  {result.file}" if result.file else ""
    value = _shown(result.value, digits)
    return f"{model_name(result.model):10} {result.name:15} {value:>10}{interval}  n={result.n:,}{where}"


def _shown(value: float, digits: int) -> str:
    """Of millions, such as the perplexity per word of counted tokens, the digits would say nothing."""
    return f"{value / 1e6:,.1f}M" if abs(value) >= 1e6 else f"{value:,.{digits}f}"


def headline(results: Iterable[Result], stage: str, label: str | None, text: PerplexityConfig) -> str:
    """The main figures in words, for the table that a run ends with: the pretrained model's, the task's, and the first
    of each benchmark. Where there are figures of both models, each is named.

    Args:
        stage: the training whose model is exported.
        label: of the exported weights, where they are not those of the last step.
        text: how the held-out text was measured.
    """
    results = _of_text_told(results, text)
    told = [result for result in results if result.headline and metric_name(result) == result.name]
    benchmarks = {result.file: result for result in reversed(results) if result.benchmark and result.headline}
    told += reversed(benchmarks.values())
    figures = {
        name: headlines(result for result in told if result.model == model)
        for model, name in MODEL_NAMES.items()
    }
    named = {name: words for name, words in figures.items() if words}
    if len(named) == 2:
        exported = MODEL_NAMES[stage]
        return "; ".join(
            f"{name}{f' ({label})' if label and name == exported else ''}: {words}"
            for name, words in named.items()
        )
    alone = "".join(named.values())
    return f"{label}: {alone}" if label and alone else alone


def _of_text_told(results: Iterable[Result], text: PerplexityConfig) -> list[Result]:
    """With perplexity as that of its split, since training has told that of another. The perplexity of words, which is
    large by nature, is left out beside bits per byte, unless words are counted as in published figures."""
    results = list(results)
    if not text.count_line_ends and any(result.name == "bits_per_byte" for result in results):
        results = [result for result in results if result.name != "word_perplexity"]
    return [
        replace(result, headline=f"{text.split} {result.headline}")
        if result.name == "perplexity" and result.headline
        else result
        for result in results
    ]
