"""The report stage: one self-contained HTML file with the picture of a run."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import yaml

from eval.checkpoints.plots import checkpoint_plots, checkpoint_rows
from eval.checkpoints.points import read_points
from eval.reporting import report_data as data
from eval.reporting.bars import BASELINES, comparison_bars, describe_bars
from eval.reporting.pages import duration, hardware, number, render
from eval.reporting.report_plots import Plot, Series, compact, line_plot
from eval.results import Result, read_results
from pipeline.config.stages import ReportStage
from pipeline.context import Context
from pipeline.store.manifest import StageMetrics, figure, words

REPORT_FILE = "report.html"


class Tile(NamedTuple):
    """A figure to be seen at once."""

    value: str
    label: str
    note: str = ""


def run(config: ReportStage, context: Context) -> StageMetrics:
    """Write report.html from whatever input artifacts there are. Returns `megabytes` and `figures`."""
    page = render("report.html.j2", gather(config, context))
    path = context.folder / REPORT_FILE
    path.write_text(page, encoding="utf-8")
    return {"megabytes": path.stat().st_size / 1e6, "figures": page.count("<figure")}


def gather(config: ReportStage, context: Context) -> dict[str, object]:
    """What the template shows."""
    most, inputs = config.report.samples, context.inputs
    stages = data.read_stages(inputs)
    by_name = {stage.name: stage for stage in stages}
    pretrain = data.read_training(by_name.get("pretrain"))
    finetune = data.read_training(by_name.get("finetune"))
    evaluate = inputs.get("evaluate")
    results = read_results(evaluate) if evaluate else []
    points = read_points(evaluate) if evaluate else []
    return {
        "title": config.report.title or context.run.name,
        "stages": stages,
        "tiles": headline_figures(by_name, results),
        "sources": data.read_sources(inputs.get("download")),
        "funnel": data.read_funnel(inputs.get("clean")),
        "tokenizer_tiles": tokenizer_figures(by_name.get("tokenizer")),
        "extension": data.read_extension(inputs.get("tokenizer")),
        "token_pieces": data.tokenize_example(
            inputs.get("tokenizer"), data.example_text(inputs.get("clean"))
        ),
        "longest_tokens": data.read_longest_tokens(inputs.get("tokenizer")),
        "trainings": [
            {
                "title": title,
                "plots": training_plots(title, training),
                "starts_from": data.read_initial(training.record.folder),
                "before_after": training.before_after(),
                "progressions": data.read_progressions(training.record.folder, most),
            }
            for title, training in (("Pretraining", pretrain), ("Fine-tuning", finetune))
            if training
        ],
        "charts": comparison_bars(results),
        "charts_show": describe_bars(results),
        "lacks": words(by_name["evaluate"].metrics, "lacks") if "evaluate" in by_name else "",
        "results": results,
        "checkpoint_plots": checkpoint_plots(points),
        "checkpoints": checkpoint_rows(points),
        "predictions": data.read_rows(evaluate and evaluate / "predictions.jsonl", most),
        "samples": data.read_rows(evaluate and evaluate / "samples.jsonl", most),
        "model_card": data.read_model_card(inputs.get("export")),
        "config": {
            name: yaml.safe_dump(section, sort_keys=False, allow_unicode=True)
            for name, section in data.merged_config(stages).items()
        },
        "command": context.run.command,
        "total_seconds": sum(stage.manifest.get("seconds") or 0 for stage in stages),
    }


def headline_figures(stages: Mapping[str, data.StageRecord], results: list[Result]) -> list[Tile]:
    """The few figures at the top: value, label, note."""
    tiles: list[Tile] = []
    by_key = {(result.model, result.name): result for result in results if not result.file}
    for name in _text_figures(by_key.values()):
        if model := by_key.get(("pretrain", name)) or by_key.get(("finetune", name)):
            baselines = [(m, by_key[m, name].value) for m in BASELINES if (m, name) in by_key]
            label = model.title[:1].lower() + model.title[1:]
            note = " · ".join(f"{m} {number(value)}" for m, value in baselines)
            tiles.append(Tile(number(model.value), label, note))
    task = [result for result in by_key.values() if result.model == "finetune" and not result.of_text]
    for result in [result for result in task if result.headline][:2]:
        interval = "" if result.low is None else f"{number(result.low)} to {number(result.high)}"
        tiles.append(Tile(number(result.value), result.title, interval))
    trained = stages.get("pretrain") or stages.get("finetune")
    if trained:
        if parameters := figure(trained.metrics, "parameters"):
            tiles.append(Tile(compact(parameters), "parameters"))
        if tokens := figure(trained.metrics, "tokens"):
            rate = figure(trained.metrics, "tokens_per_second")
            note = f"{compact(rate)} per second" if rate else ""
            tiles.append(Tile(compact(tokens), "training tokens", note))
        seconds = trained.manifest.get("seconds") or 0
        tiles.append(Tile(duration(seconds), "training time", hardware(trained.manifest)))
    return tiles


def _text_figures(results: Iterable[Result]) -> list[str]:
    """Names of the figures of held-out text that belong at the top: those that compare models of other tokenizers, if
    there are any."""
    names = list(dict.fromkeys(result.name for result in results if result.of_text))
    return [name for name in names if name in ("word_perplexity", "bits_per_byte")] or names


def tokenizer_figures(tokenizer: data.StageRecord | None) -> list[Tile]:
    shown = {
        "vocab_size": ("tokens in the vocabulary", number),
        "bytes_per_token": ("bytes per token", number),
        "fertility": ("tokens per word", number),
        "unknown_rate": ("unknown", "{:.2%}".format),
    }
    metrics = tokenizer.metrics if tokenizer else {}
    return [Tile(write(metrics[key]), label) for key, (label, write) in shown.items() if key in metrics]


def training_plots(title: str, training: data.Training) -> list[Plot]:
    """Plots of one training stage with a caption each, the losses first."""
    tokens = training.tokens_per_step

    def series(label: str, key: str, number: int = 1, scale: float = 1.0, marked: bool = False) -> Series:
        steps, values = training.series(key)
        return Series(label, steps, [scale * value for value in values], marked, number)

    def plot(
        name: str, unit: str, lines: list[Series], from_zero: bool = False, spikes: bool = False
    ) -> Plot:
        svg = line_plot(f"{title}: {name}", lines, from_zero=from_zero, spikes=spikes)
        return Plot(name, unit, lines, svg)

    losses = [series("train", "train/loss"), series("validation", "validation/loss", 2, marked=True)]
    svg = line_plot(f"{title}: Loss", losses, tokens_per_step=tokens, width=6.6, height=4.1)
    figures = training.figures()
    unit = "" if figures else "nats per token"  # where there are others, the loss is of labels or of pairs
    plots = [Plot("Loss", unit, losses, svg)]
    for name in figures:
        lines = [series("train", f"train/{name}"), series("validation", f"validation/{name}", 2, marked=True)]
        plots.append(plot(name.replace("_", " ").capitalize(), "", lines))
    speed, waiting = series("", "train/tokens_per_second"), series("", "train/data_wait", scale=100)
    padding = series("", "train/padding", scale=100)
    plots += [
        plot("Learning rate", "", [series("", "train/lr")], from_zero=True),
        plot("Gradient norm", "before clipping", [series("", "train/grad_norm")], spikes=True),
        plot("Throughput", _utilization(training), [speed], from_zero=True),
        plot("Memory", "GB, peak of rank 0", [series("", "train/memory_gb")], from_zero=True),
        plot("Waiting for data", "percent of the time", [waiting], from_zero=True),
        plot("Padding", "percent of a batch's places", [padding], from_zero=True),
    ]
    return [plot for plot in plots if plot.svg is not None]


def _utilization(training: data.Training) -> str:
    mfu = training.mean("train/mfu")
    return "tokens per second" + (f", MFU {mfu:.0%} on average" if mfu else "")
