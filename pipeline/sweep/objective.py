"""What jobs are compared by: a number among the metrics of one of their stages."""

import math
from collections.abc import Mapping

from pipeline.config.objectives import ObjectiveConfig
from pipeline.errors import UserError
from pipeline.store.artifacts import Store

KNOWN = {
    "pretrain": {
        "validation_loss",
        "validation_perplexity",
        "best_validation_loss",
        "train_loss",
        "tokens_per_second",
        "parameters",
        "steps",
        "tokens",
        "flops",
        "hours",
        "device_hours",
    }
}
"""Metrics of stages that give the same ones whatever the configuration; others are known after the first job."""


def check_metric(
    key: str, name: str, stages: Mapping[str, str], stage: str, trained: ObjectiveConfig | None = None
) -> None:
    """Whether `name`, `<stage>.<metric>`, can be among what the job's stages give, as far as is known before.

    Args:
        key: where the name was given, for the message.
        stages: those of the job, with their fingerprints.
        stage: the last one.
        trained: what the job's model learns to predict.
    """
    wanted, metric = name.split(".", 1)
    if wanted not in stages:
        raise UserError(
            f"{key}={name}: stage={stage} runs {', '.join(stages)} and no {wanted}; name a metric of one of "
            "these, or another stage"
        )
    if wanted in KNOWN and metric not in KNOWN[wanted]:
        raise UserError(
            f"{key}={name}: {wanted} has no such metric; it has {', '.join(sorted(KNOWN[wanted]))}"
        )
    if trained and name == "pretrain.validation_perplexity" and not trained.gives_perplexity:
        raise UserError(f"{key}={name}: {trained.lacks('perplexity')}; name pretrain.validation_loss")


def read_metric(key: str, name: str, fingerprints: Mapping[str, str], store: Store) -> float | None:
    """The metric's value; None where it is not finite.

    Raises:
        UserError: where the stage gave no such number, or there is no artifact of this configuration.
    """
    stage, metric = name.split(".", 1)
    artifact = store.find(stage, fingerprints[stage])
    if artifact is None:
        raise UserError(
            f"no {stage} artifact {fingerprints[stage]}: its configuration files changed while the sweep ran; "
            "start the sweep again"
        )
    numbers = {name: value for name, value in artifact.metrics.items() if isinstance(value, int | float)}
    if metric not in numbers:
        raise UserError(f"{key}={name}: {stage} gave no such number; it gave {', '.join(sorted(numbers))}")
    return float(numbers[metric]) if math.isfinite(numbers[metric]) else None
