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
    "Learning rate": lambda training: learning_rates(training)[0],
}
"""As the report draws them; of several learning rates the first, which most weights have."""


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


def _plot(title: str, name: str, trainings: list[tuple[str, data.Training]], in_tokens: bool) -> Plot:
    lines: list[Series] = []
    for number, (run, training) in enumerate(trainings, 1):
        line = CURVES[name](training)
        scale = (training.tokens_per_step or 1) if in_tokens else 1
        steps = [round(step * scale) for step in line.steps]
        lines.append(replace(line, label=run, steps=steps, number=number))
    main = name == "Training loss"
    drawing = line_plot(
        title,
        lines,
        unit="tokens" if in_tokens else "step",
        from_zero=name == "Learning rate",
        log_scale=name != "Learning rate",
        smooth=main,
        large=main,
    )
    return Plot(name, "", lines, drawing)
