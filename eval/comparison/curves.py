"""The losses of two trainings in one plot."""

from collections.abc import Callable
from dataclasses import replace

from eval.comparison.evaluated_run import EvaluatedRun
from eval.reporting import report_data as data
from eval.reporting.report_plots import Plot, Series, line_plot
from eval.reporting.training_plots import learning_rates, training_loss, validation_loss
from pipeline.store.artifacts import MANIFEST, read_json

STAGES = {"pretrain": "Pretraining", "finetune": "Fine-tuning"}
CURVES: dict[str, Callable[[data.Training], Series]] = {
    "Training loss": training_loss,
    "Validation loss": validation_loss,
}
"""As the report draws them."""


def loss_curves(first: EvaluatedRun, second: EvaluatedRun) -> list[tuple[str, str, list[Plot]]]:
    """Of each stage of training that both runs have its title, a word on what to mind, and plots.

    Where a step is another number of tokens in each run, tokens are what is counted.
    """
    found: list[tuple[str, str, list[Plot]]] = []
    for stage, title in STAGES.items():
        trainings = [_training(run, stage) for run in (first, second)]
        ours, theirs = trainings
        if ours is None or theirs is None:
            continue
        per_step = ours.tokens_per_step, theirs.tokens_per_step
        in_tokens = None not in per_step and per_step[0] != per_step[1]
        plots = [
            _plot(f"{title}: {name}", name, [(first.name, ours), (second.name, theirs)], in_tokens)
            for name in CURVES
        ]
        plots += _learning_rates(title, [(first.name, ours), (second.name, theirs)], in_tokens)
        mind, tokenizers = "", [run.fingerprint("tokenizer") for run in (first, second)]
        if (
            None not in tokenizers and tokenizers[0] != tokenizers[1]
        ):  # weights that were there bring their own
            mind = "The tokenizers differ, and so do tokens: the losses are in other units."
        if ours.record.folder == theirs.record.folder:
            mind = "Both runs have this training in common."
        found.append((title, mind, [plot for plot in plots if plot.drawing is not None]))
    return found


def _training(run: EvaluatedRun, stage: str) -> data.Training | None:
    folder = run.stage(stage)
    if folder is None:
        return None
    return data.read_training(data.StageRecord(stage, folder, read_json(folder / MANIFEST, folder)))


def _learning_rates(title: str, trainings: list[tuple[str, data.Training]], in_tokens: bool) -> list[Plot]:
    """One plot of each rate that a group of weights has of its own."""
    found: dict[str, list[Series]] = {}
    for place, (_, training) in enumerate(trainings):
        for line in learning_rates(training):
            of_rate = found.setdefault(line.label or "lr", [Series("", [], [])] * len(trainings))
            of_rate[place] = line
    names = {rate: f"Learning rate ({rate})" if len(found) > 1 else "Learning rate" for rate in found}
    return [
        _draw(f"{title}: {names[rate]}", names[rate], trainings, lines, in_tokens, from_zero=True)
        for rate, lines in found.items()
    ]


def _plot(title: str, name: str, trainings: list[tuple[str, data.Training]], in_tokens: bool) -> Plot:
    lines = [CURVES[name](training) for _, training in trainings]
    main = name == "Training loss"
    return _draw(title, name, trainings, lines, in_tokens, log_scale=True, smooth=main, large=main)


def _draw(
    title: str,
    name: str,
    trainings: list[tuple[str, data.Training]],
    of_runs: list[Series],
    in_tokens: bool,
    **look: bool,
) -> Plot:
    lines: list[Series] = []
    for number, ((run, training), line) in enumerate(zip(trainings, of_runs, strict=True), 1):
        scale = (training.tokens_per_step or 1) if in_tokens else 1
        steps = [round(step * scale) for step in line.steps]
        lines.append(replace(line, label=run, steps=steps, number=number))
    drawing = line_plot(title, lines, unit="tokens" if in_tokens else "step", **look)
    return Plot(name, "", lines, drawing)
