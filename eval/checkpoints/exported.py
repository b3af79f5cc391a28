"""Which weights are exported, decided before they are scored."""

from collections.abc import Iterator

import torch

from eval.checkpoints.curve import Curve, best_average
from eval.checkpoints.points import Point, write_points
from eval.results import Bootstrap
from pipeline.config.stages import EvaluateStage
from pipeline.context import Context
from train.weights.choice import Choice, choose, exported_stage, write_choice


def find_weights(
    config: EvaluateStage, context: Context, bootstrap: Bootstrap, device: torch.device
) -> Choice | None:
    """What `export.weights` and `export.step` mean; None where they mean the last step. weights.json tells export.

    Writes checkpoints.json with `evaluate.checkpoints`, and where the number to average is chosen on held-out text.

    Raises:
        UserError: where a checkpoint is absent or damaged.
    """
    wanted = config.exported_weights
    undecided = wanted.weights == "average" and wanted.average_last is None
    points: list[Point] = []
    if undecided or config.evaluate.checkpoints:
        curve = Curve(context.inputs["pretrain"], config.evaluate, context, bootstrap, device)
        points = list(_points(curve, with_checkpoints=config.evaluate.checkpoints))
        write_points(context.folder, points)
    if not wanted.chooses:
        return None
    artifact = context.inputs[exported_stage(context.inputs)]
    choice = best_average(points) if undecided else choose(artifact, wanted)
    context.log.info("exported are the weights of %s", choice.words)
    write_choice(context.folder, choice)
    return choice


def _points(curve: Curve, *, with_checkpoints: bool) -> Iterator[Point]:
    if with_checkpoints:
        yield from curve.checkpoints()
    yield from curve.averages()
