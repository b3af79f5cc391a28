"""What results are called among the metrics of the stage, and which of them are told in its headline."""

from collections.abc import Iterable

from eval.results import Result, headlines


def metric_name(result: Result) -> str:
    """The result's name among the stage's metrics."""
    name = result.name if result.model == "pretrain" else f"{result.model}_{result.name}"
    name = name.replace(" ", "_")
    if result.model == "finetune":
        name = f"finetuned_{result.name}" if result.of_text or result.benchmark else result.name
    return f"{result.file}/{name}" if result.file else name


def headline(results: Iterable[Result], stage: str, label: str | None) -> str:
    """The main figures in words, for the table that a run ends with: the pretrained model's, the task's, and the first
    of each benchmark. Where there are figures of both models, each is named.

    Args:
        stage: the training whose model is exported.
        label: of the exported weights, where they are not those of the last step.
    """
    results = list(results)
    told = [result for result in results if result.headline and metric_name(result) == result.name]
    benchmarks = {result.file: result for result in reversed(results) if result.benchmark and result.headline}
    told += reversed(benchmarks.values())
    figures = {
        name: headlines(result for result in told if result.model == model)
        for model, name in (("pretrain", "pretrained"), ("finetune", "fine-tuned"))
    }
    named = {name: words for name, words in figures.items() if words}
    if len(named) == 2:
        exported = {"pretrain": "pretrained", "finetune": "fine-tuned"}[stage]
        return "; ".join(
            f"{name}{f' ({label})' if label and name == exported else ''}: {words}"
            for name, words in named.items()
        )
    alone = "".join(named.values())
    return f"{label}: {alone}" if label and alone else alone
