"""The plots of one training: what it learned, how, and how fast."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from eval.reporting.report_data import Training
from eval.reporting.report_plots import Plot, Series, line_plot, smoothed
from pipeline.config.schedules import ScheduleConfig
from pipeline.store.manifest import figure


def training_plots(title: str, training: Training) -> list[Plot]:
    """The losses first, then what the model tells besides, then how the training went."""

    def series(label: str, key: str, number: int = 1, scale: float = 1.0, marked: bool = False) -> Series:
        steps, values = training.series(key)
        return Series(label, steps, [scale * value for value in values], marked, number)

    def plot(
        name: str, unit: str, lines: list[Series], from_zero: bool = False, spikes: bool = False
    ) -> Plot:
        drawing = line_plot(f"{title}: {name}", lines, from_zero=from_zero, spikes=spikes)
        return Plot(name, unit, lines, drawing)

    figures = training.figures()
    plots = [_loss_plot(title, training, in_nats=not figures)]
    for name in figures:
        lines = [series("train", f"train/{name}"), series("validation", f"validation/{name}", 2, marked=True)]
        plots.append(plot(name.replace("_", " ").capitalize(), "", lines))
    teacher = [series("", "train/distillation_loss")]
    plots.append(plot("Distillation loss", "nats per token, times temperature squared", teacher))
    for key in training.monitored():
        lines = [series("", f"monitor/{key}", 2, marked=True)]
        plots.append(plot(f"{key.replace('_', ' ').capitalize()} on validation examples", "", lines))
    for name, keys in _probed(training).items():
        lines = [
            series(key.rpartition("/")[2], key, number, marked=True) for number, key in enumerate(keys, 1)
        ]
        plots.append(plot(name, "", lines))
    speed, waiting = series("", "train/tokens_per_second"), series("", "train/data_wait", scale=100)
    padding = series("", "train/padding", scale=100)
    plots += [
        plot("Learning rate", "", learning_rates(training), from_zero=True),
        plot("Gradient norm", "before clipping", [series("", "train/grad_norm")], spikes=True),
        plot("Throughput", _utilization(training), [speed], from_zero=True),
        plot("Memory", "GB, peak of rank 0", [series("", "train/memory_gb")], from_zero=True),
        plot("Waiting for data", "percent of the time", [waiting], from_zero=True),
        plot("Padding", "percent of a batch's places", [padding], from_zero=True),
    ]
    return [plot for plot in plots if plot.drawing is not None]


def _probed(training: Training) -> dict[str, list[str]]:
    """What was followed besides: the metrics of each benchmark and text, by its name."""
    found: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for row in training.rows for key in row if key.startswith("probe/")):
        found.setdefault(key.removeprefix("probe/").rpartition("/")[0], []).append(key)
    return found


def _loss_plot(title: str, training: Training, in_nats: bool) -> Plot:
    """Args: in_nats: the loss is a token's; else it is of labels or of pairs of answers."""
    lines = [training_loss(training), validation_loss(training)]
    drawing = line_plot(
        f"{title}: Loss",
        lines,
        tokens_per_step=training.tokens_per_step,
        log_scale=True,
        smooth=True,
        large=True,
    )
    scale = "log scale" if drawing is not None and drawing.logarithmic else ""
    return Plot("Loss", ", ".join(filter(None, ("nats per token" if in_nats else "", scale))), lines, drawing)


def training_loss(training: Training) -> Series:
    """Of every step, where the guard has kept them; else as it was logged. Where its drawn line ends is told."""
    steps, values = training.series("train/loss")
    every = training.losses()
    if len(every) > len(steps):
        steps, values = list(every), list(every.values())
    return Series("train", steps, values, told=smoothed(values)[-1] if values else None)


def validation_loss(training: Training) -> Series:
    return Series("validation", *training.series("validation/loss"), marked=True, number=2)


def learning_rates(training: Training) -> list[Series]:
    """Of each group of weights that has its own, at every step as the schedule has it, since the log may miss the
    warm-up; else as it was logged. A run of another version of this project may have settings that are not known."""
    steps, values = training.series("train/lr")
    config = training.record.manifest.get("config") or {}
    section: Mapping[str, Any] = config.get("finetune") or config
    schedule, optim = section.get("schedule") or {}, section.get("optim") or {}
    peaks = {key: peak for key, peak in optim.items() if peak and (key == "lr" or key.endswith("_lr"))}
    kind = ScheduleConfig.choices().get(schedule.get("name", ""))
    total = figure(training.record.metrics, "steps")
    if not steps or kind is None or not peaks or not total:
        return [Series("", steps, values)]
    try:
        factor = kind.model_validate(schedule).factor
    except ValidationError:
        return [Series("", steps, values)]
    every = range(1, round(total) + 1)
    return [
        Series(key, every, [peak * factor(step - 1, round(total)) for step in every], number=number)
        for number, (key, peak) in enumerate(peaks.items(), 1)
    ]


def _utilization(training: Training) -> str:
    """MFU is told where the devices' peak is known, and not only measured on cores that others use, too."""
    known = (training.record.manifest.get("hardware") or {}).get("gpus")
    mfu = training.mean("train/mfu") if known else None
    return "tokens per second" + (f", MFU {mfu:.0%} on average" if mfu else "")
