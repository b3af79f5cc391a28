"""The report stage: one self-contained HTML file with the picture of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from eval.checkpoints.plots import checkpoint_plots, checkpoint_rows
from eval.checkpoints.points import read_points
from eval.reporting import report_data as data
from eval.reporting.bars import BASELINES, comparison_bars, describe_bars
from eval.reporting.confusion import read_confusion
from eval.reporting.costs import read_costs
from eval.reporting.pages import duration, hardware, number, render
from eval.reporting.planted import read_planted
from eval.reporting.pruning import describe_pruning
from eval.reporting.report_plots import compact
from eval.reporting.result_table import result_tables
from eval.reporting.summary import leading_figure, summarize
from eval.reporting.training_plots import training_plots
from eval.result_names import writer_name
from eval.results import Result, read_results, results_of_exported
from eval.views.records import read_views
from pipeline.checkout import how_to_get
from pipeline.config.differences import differences
from pipeline.config.evaluation import ReportConfig
from pipeline.config.root import RootConfig
from pipeline.config.run import RunConfig
from pipeline.config.stages import ReportStage
from pipeline.context import Context
from pipeline.store.manifest import StageMetrics, figure, words
from pipeline.text.counts import counted
from pipeline.typed_command import settings_in, to_type
from train.weights.choice import exported_stage, read_choice

REPORT_FILE = "report.html"


class Tile(NamedTuple):
    """A figure to be seen at once."""

    value: str
    label: str
    note: str = ""


def run(config: ReportStage, context: Context) -> StageMetrics:
    """Write report.html from whatever input artifacts there are. Returns `megabytes` and `figures`."""
    stages = data.read_stages(context.inputs)
    page = render("report.html.j2", gather(config.report, context.inputs, stages, context.run))
    path = context.folder / REPORT_FILE
    path.write_text(page, encoding="utf-8")
    metrics = {"megabytes": path.stat().st_size / 1e6, "figures": page.count("<figure")}
    context.tracker.log({f"report/{name}": value for name, value in metrics.items()}, step=0)
    return metrics


def gather(
    config: ReportConfig, inputs: Mapping[str, Path], stages: list[data.StageRecord], run: RunConfig
) -> dict[str, object]:
    """What the template shows.

    Args:
        inputs: the stages' folders.
        stages: what is known of each, in order.
    """
    most = config.samples
    by_name = {stage.name: stage for stage in stages}
    pretrain = data.read_training(by_name.get("pretrain"))
    finetune = data.read_training(by_name.get("finetune"))
    evaluate = inputs.get("evaluate")
    results = read_results(evaluate) if evaluate else []
    choice = read_choice(evaluate) if evaluate else None
    exported = results_of_exported(results, exported_stage(inputs), choice.label if choice else None)
    points = read_points(evaluate) if evaluate else []
    sources = data.read_sources(inputs.get("download"))
    settings = data.without_places(data.merged_config(stages))
    confidence = data.confidence_of(by_name.get("evaluate"))
    return {
        "title": config.title or run.name,
        "summary": summarize(by_name, exported, sources, choice.words if choice else None),
        "stages": stages,
        "tiles": headline_figures(by_name, exported),
        "sources": sources,
        "language": data.read_language(inputs.get("clean")),
        "funnel": data.read_funnel(inputs.get("clean")),
        "ends": data.read_ends(inputs.get("clean")),
        "planted": read_planted(inputs.get("clean")),
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
                "costs": read_costs(training.record.metrics),
                "pruned": describe_pruning(training.record.metrics),
                "before_after": training.before_after(),
                "progressions": data.read_progressions(training.record.folder, most),
            }
            for title, training in (("Pretraining", pretrain), ("Fine-tuning", finetune))
            if training
        ],
        "charts": comparison_bars(results),
        "charts_show": describe_bars(results, confidence),
        "confidence": confidence,
        "lacks": words(by_name["evaluate"].metrics, "lacks") if "evaluate" in by_name else "",
        "notes": words(by_name["evaluate"].metrics, "notes") if "evaluate" in by_name else "",
        "tables": (tables := result_tables(results)),
        "several_models": any(len(table.models) > 1 for table in tables),
        "confusion": read_confusion(evaluate),
        "checkpoint_plots": checkpoint_plots(points),
        "checkpoints": checkpoint_rows(points),
        "predictions": data.read_rows(evaluate and evaluate / "predictions.jsonl", most),
        "samples": data.read_rows(evaluate and evaluate / "samples.jsonl", most),
        "writer": _writer(by_name),
        "views": read_views(evaluate),
        "forms": data.read_forms(inputs.get("export")),
        "cards": {
            "Data card": data.read_text(inputs.get("clean"), "data_card.md"),
            "Model card": data.read_text(inputs.get("export"), "model/README.md"),
        },
        "differences": differences(
            RootConfig, {k: v for k, v in settings.items() if k in RootConfig.model_fields}
        ),
        "config": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True) if settings else "",
        "command": run.command and to_type(settings_in(run.command)),
        "source_code": _source_code(stages),
        "refresh": None,
        "total_seconds": sum(stage.manifest.get("seconds") or 0 for stage in stages),
    }


def _writer(stages: Mapping[str, data.StageRecord]) -> str:
    """Whose the sample texts of evaluate are."""
    writer = words(stages["evaluate"].metrics, "sample_of") if "evaluate" in stages else ""
    before = (
        ", before it was fine-tuned" if writer == writer_name("pretrain") and "finetune" in stages else ""
    )
    return f"{writer or 'the model'}{before}"


def _source_code(stages: list[data.StageRecord]) -> str:
    """The command that fetches the version of this project that made the newest stage; empty where it is not known."""
    manifest = stages[-1].manifest if stages else {}
    return how_to_get(manifest.get("git_commit"), manifest.get("git_remote"))


def headline_figures(stages: Mapping[str, data.StageRecord], results: list[Result]) -> list[Tile]:
    """The five figures at the top, at most: value, label, note."""
    tiles: list[Tile] = []
    if model := leading_figure(results, "pretrain") or leading_figure(results, "finetune"):
        same = {r.model: r.value for r in results if r.name == model.name and not r.file}
        note = " · ".join(f"{name} {number(same[name])}" for name in BASELINES if name in same)
        tiles.append(Tile(number(model.value), model.title[:1].lower() + model.title[1:], note))
    task = [r for r in results if r.model == "finetune" and not r.of_text and not r.file and r.headline]
    confidence = data.confidence_of(stages.get("evaluate"))
    sure = f" ({confidence}interval)" if confidence else ""
    for result in task[: 1 if tiles else 2]:
        few = counted(result.n, "example") if result.of_few else ""
        interval = few if result.low is None else f"{number(result.low)} to {number(result.high)}{sure}"
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
        if figure(trained.metrics, "steps") != 0:
            tiles.append(Tile(duration(seconds), "training time", hardware(trained.manifest)))
    return tiles


def tokenizer_figures(tokenizer: data.StageRecord | None) -> list[Tile]:
    metrics = tokenizer.metrics if tokenizer else {}
    word = words(metrics, "word") or "word"
    notes = {"fertility": "with the punctuation and line ends behind it"} if word == "character" else {}
    aside = (
        "characters_per_token" if word == "word" else "fertility" if "characters_per_token" in metrics else ""
    )
    shown = {
        "vocab_size": ("tokens in the vocabulary", number),
        "bytes_per_token": ("bytes per token", number),
        "characters_per_token": ("characters per token", number),
        "fertility": (f"tokens per {word}", number),
        "unknown_rate": ("unknown", "{:.2%}".format),
    }
    return [
        Tile(write(metrics[key]), label, notes.get(key, ""))
        for key, (label, write) in shown.items()
        if key in metrics and key != aside
    ]
