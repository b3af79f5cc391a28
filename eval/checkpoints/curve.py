"""Every kept checkpoint of pretraining, and the averages of the last ones, scored on the validation split."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from eval.checkpoints.points import Point
from eval.language_model.measure import Text
from eval.objectives import PretrainedModel, evaluate_objective
from eval.results import Bootstrap, Result, headlines
from pipeline.config.evaluation import EvaluateConfig
from pipeline.context import Context
from pipeline.formats.direction import badness
from train.checkpoints.final_model import load_model, load_weights
from train.objectives import pretrained_objective
from train.weights.choice import Choice, average
from train.weights.states import TrainedStates


class Curve:
    """Scores the checkpoints of an artifact of pretrain."""

    def __init__(
        self,
        artifact: Path,
        config: EvaluateConfig,
        context: Context,
        bootstrap: Bootstrap,
        device: torch.device,
    ):
        tokenizer = context.inputs["tokenizer"]
        split = config.perplexity.model_copy(update={"split": "validation", "files": []})
        self._config = config.model_copy(update={"perplexity": split, "ngram_baselines": False})
        self._artifact, self._context, self._bootstrap = artifact, context, bootstrap
        self._texts = Text.encode(tokenizer, split, context)
        self._objective = pretrained_objective(artifact, tokenizer, bootstrap.seed)
        self._model = load_model(artifact, device)
        self._states = TrainedStates(artifact, context)

    def averages(self) -> Iterator[Point]:
        """Of the last checkpoint alone, of the last two, and so on.

        Raises:
            UserError: where a checkpoint is damaged, or the model's training has diverged.
        """
        for steps, state in self._states.means_of_the_last():
            yield Point("average", steps, self._score(state, f"average of {len(steps)}"))

    def checkpoints(self) -> Iterator[Point]:
        """Each one by itself.

        Raises:
            UserError: as `averages`.
        """
        for step in self._states.steps:
            yield Point("checkpoint", [step], self._score(self._states.at(step), f"step {step}"))

    def _score(self, state: dict[str, Tensor], label: str) -> list[Result]:
        load_weights(self._model, state, str(self._artifact))
        asked = PretrainedModel(
            self._model, self._objective, self._texts, self._config, self._bootstrap, self._context
        )
        found = list(evaluate_objective(asked))
        self._context.log.info(
            "%s on the validation split: %s", label, headlines(found[:1]) or f"{found[0].value:.4g}"
        )
        return found


def best_average(points: Sequence[Point]) -> Choice:
    """Of as many of the last checkpoints as score best; of the last alone where no mean is better."""

    def how_bad(point: Point) -> float:
        first = point.results[0]
        return badness(first.better, first.value)

    best = min((point for point in points if point.kind == "average"), key=how_bad)
    if len(best.steps) == 1:
        [step] = best.steps
        words = f"the last training step, {step}: on the validation split no mean of the last checkpoints was better"
        return Choice("average", words, {step: 1.0})
    found = average(best.steps)
    return Choice(found.label, f"{found.words}: as many as scored best on the validation split", found.shares)
